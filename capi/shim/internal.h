/* What the files of the shim share. */
#ifndef GONBD_INTERNAL_H
#define GONBD_INTERNAL_H

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "libnbd.h"
#include "table_gen.h"

#define GONBD_EXPORT __attribute__ ((visibility ("default")))

/* The file name of the runtime, which lies beside the library. */
#ifndef GONBD_RUNTIME
#define GONBD_RUNTIME "libnbd-go.so"
#endif

struct nbd_handle {
  const struct gonbd_table *table; /* of the runtime that has it */
  uint64_t id;                     /* in the runtime */
  int32_t fd;                      /* the socket, kept by the runtime; -1: none */
};

/* A call that is under way. */
struct gonbd_frame {
  sigset_t mask;         /* the thread's own */
  const sigset_t *outer; /* that of a call around this one */
  struct gonbd_err err;
};

/* error.c */
extern void gonbd_keep_error (int errnum, char *msg); /* takes over msg */
extern void gonbd_reset_error (void);
extern void gonbd_fail (int errnum, const char *call, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

/* load.c, or load_static.c: called by one thread at a time, with signals
 * blocked. On failure the error is set, and the result null. */
extern const struct gonbd_table *gonbd_load (const char *call);

/* enter.c */

/* The mask of the thread when it called the library, while it is inside. */
extern __thread const sigset_t *gonbd_host_mask;

extern void gonbd_block_signals (sigset_t *old);

/* Says whether this process made the handle: not the one it was forked from. */
extern bool gonbd_ours (const struct nbd_handle *h);

/* Begin and end a call. h is null where the call has no handle. If the result
 * is null the error is set, and the call is over. */
extern const struct gonbd_table *gonbd_enter (struct gonbd_frame *f,
                                              const struct nbd_handle *h,
                                              const char *call);
extern void gonbd_leave (struct gonbd_frame *f);

/* host.c */
extern const struct gonbd_host gonbd_host;

/* handle.c, for the generated calls */

/* A null pointer where there must be none. */
extern void gonbd_null (const char *call, const char *param);

/* Make the runtime's copy of a callback, null where there is none. */
extern bool gonbd_copy (const void *cb, struct gonbd_callback **copy);

/* End a call that had no memory for such a copy. */
extern void gonbd_no_memory (struct gonbd_frame *f, const char *call);

/* Free a callback that will not be called, since the call has failed early. */
extern void gonbd_drop (const void *cb);

#endif
