/* What the test programs share. */
#ifndef CHECK_H
#define CHECK_H

#define _GNU_SOURCE 1

#include <errno.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A condition without which the program ends with what it knows. */
#define CHECK(c)                                                              \
  do {                                                                        \
    if (!(c)) {                                                               \
      const char *why_ = nbd_get_error ();                                    \
      fprintf (stderr, "%s:%d: pid %d: not so: %s; errno %d; error: %s\n",    \
               __FILE__, __LINE__, (int) getpid (), #c, errno,                \
               why_ != NULL ? why_ : "none");                                 \
      _exit (1);                                                              \
    }                                                                         \
  } while (0)

/* A handle that is connected with the server at a path. */
static inline struct nbd_handle *
connected (const char *path)
{
  struct nbd_handle *h = nbd_create ();

  CHECK (h != NULL);
  CHECK (nbd_connect_unix (h, path) == 0);
  return h;
}

/* Read a little, synchronously. */
static inline void
use (struct nbd_handle *h)
{
  static __thread char buf[4096];

  memset (buf, 1, sizeof buf);
  CHECK (nbd_pread (h, buf, sizeof buf, 8192, 0) == 0);
  CHECK (buf[0] == 0 && buf[4095] == 0);
}

/* Do everything with a handle of one's own. */
static inline void
use_new (const char *path)
{
  struct nbd_handle *h = connected (path);

  use (h);
  CHECK (nbd_shutdown (h, 0) == 0);
  nbd_close (h);
}

/* Wait for a child, which must end well. */
static inline void
reap (pid_t pid)
{
  int status;

  CHECK (pid > 0);
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

#endif
