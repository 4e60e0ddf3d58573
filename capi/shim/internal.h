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
  uint64_t id;         /* in the runtime */
  unsigned generation; /* of the runtime */
  int32_t fd;          /* the socket, kept by the runtime; -1: none */
};

/* A call that is under way. */
struct gonbd_frame {
  sigset_t mask;         /* the thread's own */
  const sigset_t *outer; /* that of a call around this one */
  struct gonbd_err err;
};

extern const struct gonbd_host gonbd_host;

extern const struct gonbd_table *gonbd_enter (struct gonbd_frame *f,
                                              struct nbd_handle *h,
                                              const char *call);
extern void gonbd_leave (struct gonbd_frame *f);
extern void gonbd_null (const char *call, const char *param);
extern struct gonbd_callback *gonbd_copy (const void *cb);
extern void gonbd_drop (const void *cb);

#endif
