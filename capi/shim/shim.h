/* What the two halves of the C library share: the shim, which is libnbd.so.0
 * and pure C, and the runtime, libnbd-go.so, which has the Go code. */
#ifndef GONBD_SHIM_H
#define GONBD_SHIM_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* An error on its way from the runtime: msg is malloc'd, or NULL. */
struct gonbd_err {
  int errnum;
  char *msg;
};

/* Every callback structure of libnbd.h has this layout. The runtime holds
 * pointers to malloc'd copies. */
struct gonbd_callback {
  void (*callback) (void);
  void *user_data;
  void (*free) (void *user_data);
};

/* What the shim does for the runtime: to sleep, to begin subprocesses and to
 * call callbacks with the signal mask and on the stack of the thread that
 * called the library. The callbacks take the errno by value and give (their
 * result << 32 | errno). */
struct gonbd_host {
  int (*ppoll) (struct pollfd *fds, int n, const struct timespec *timeout);
  int (*spawn) (const char *path, char *const argv[], char *const env[],
                const int *fds, int n, pid_t *pid);
  int64_t (*completion) (struct gonbd_callback *cb, int err);
  int64_t (*chunk) (struct gonbd_callback *cb, const void *subbuf,
                    size_t count, uint64_t offset, unsigned status, int err);
  int64_t (*extent) (struct gonbd_callback *cb, const char *metacontext,
                     uint64_t offset, uint32_t *entries, size_t nr, int err);
  int64_t (*extent64) (struct gonbd_callback *cb, const char *metacontext,
                       uint64_t offset, void *entries, size_t nr, int err);
  int (*list) (struct gonbd_callback *cb, const char *name,
               const char *description);
  int (*context) (struct gonbd_callback *cb, const char *name);
  int (*debug) (struct gonbd_callback *cb, const char *context,
                const char *msg);
  void (*free) (struct gonbd_callback *cb);
};

#endif
