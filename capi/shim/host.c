/* What the runtime asks of the host: on the thread that called the library, on
 * its own stack and with its own signal mask. */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include "internal.h"

static void
begin_host (sigset_t *inside)
{
  pthread_sigmask (SIG_SETMASK, gonbd_host_mask, inside);
}

static void
end_host (const sigset_t *inside)
{
  pthread_sigmask (SIG_SETMASK, inside, NULL);
}

static int
host_ppoll (struct pollfd *fds, int n, const struct timespec *timeout)
{
  /* The kernel changes the mask for the time of the call. */
  int r = ppoll (fds, n, timeout, gonbd_host_mask);

  return r == -1 ? -errno : r;
}

/* Begin a subprocess with fds as its first descriptors. */
static int
host_spawn (const char *path, char *const argv[], char *const env[],
            const int *fds, int n, pid_t *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  sigset_t mask;
  int high[8]; /* out of the way of the descriptors to be */
  int i, made = 0, err;

  if (n > (int) (sizeof high / sizeof high[0]))
    return EINVAL;
  err = posix_spawn_file_actions_init (&actions);
  if (err != 0)
    return err;
  err = posix_spawnattr_init (&attr);
  if (err != 0) {
    posix_spawn_file_actions_destroy (&actions);
    return err;
  }
  for (i = 0; i < n && err == 0; i++) {
    high[i] = fcntl (fds[i], F_DUPFD_CLOEXEC, n);
    if (high[i] == -1) {
      err = errno;
      break;
    }
    made++;
    err = posix_spawn_file_actions_adddup2 (&actions, high[i], i);
  }
  if (gonbd_host_mask != NULL)
    mask = *gonbd_host_mask;
  else
    pthread_sigmask (SIG_SETMASK, NULL, &mask);
  if (err == 0)
    err = posix_spawnattr_setsigmask (&attr, &mask);
  if (err == 0)
    err = posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK);
  if (err == 0)
    err = posix_spawn (pid, path, &actions, &attr, argv, env);
  for (i = 0; i < made; i++)
    close (high[i]);
  posix_spawnattr_destroy (&attr);
  posix_spawn_file_actions_destroy (&actions);
  return err;
}

static int64_t
pack (int r, int err)
{
  return (int64_t) ((uint64_t) (uint32_t) r << 32 | (uint32_t) err);
}

static int64_t
host_completion (struct gonbd_callback *cb, int err)
{
  int (*fn) (void *, int *) = (int (*) (void *, int *)) cb->callback;
  sigset_t inside;
  int r;

  if (fn == NULL)
    return pack (0, err);
  begin_host (&inside);
  r = fn (cb->user_data, &err);
  end_host (&inside);
  return pack (r, err);
}

static int64_t
host_chunk (struct gonbd_callback *cb, const void *subbuf, size_t count,
            uint64_t offset, unsigned status, int err)
{
  int (*fn) (void *, const void *, size_t, uint64_t, unsigned, int *) =
    (int (*) (void *, const void *, size_t, uint64_t, unsigned, int *))
    cb->callback;
  sigset_t inside;
  int r;

  begin_host (&inside);
  r = fn (cb->user_data, subbuf, count, offset, status, &err);
  end_host (&inside);
  return pack (r, err);
}

static int64_t
host_extent (struct gonbd_callback *cb, const char *metacontext,
             uint64_t offset, uint32_t *entries, size_t nr, int err)
{
  int (*fn) (void *, const char *, uint64_t, uint32_t *, size_t, int *) =
    (int (*) (void *, const char *, uint64_t, uint32_t *, size_t, int *))
    cb->callback;
  sigset_t inside;
  int r;

  begin_host (&inside);
  r = fn (cb->user_data, metacontext, offset, entries, nr, &err);
  end_host (&inside);
  return pack (r, err);
}

static int64_t
host_extent64 (struct gonbd_callback *cb, const char *metacontext,
               uint64_t offset, void *entries, size_t nr, int err)
{
  int (*fn) (void *, const char *, uint64_t, void *, size_t, int *) =
    (int (*) (void *, const char *, uint64_t, void *, size_t, int *))
    cb->callback;
  sigset_t inside;
  int r;

  begin_host (&inside);
  r = fn (cb->user_data, metacontext, offset, entries, nr, &err);
  end_host (&inside);
  return pack (r, err);
}

static int
host_list (struct gonbd_callback *cb, const char *name,
           const char *description)
{
  int (*fn) (void *, const char *, const char *) =
    (int (*) (void *, const char *, const char *)) cb->callback;
  sigset_t inside;
  int r;

  begin_host (&inside);
  r = fn (cb->user_data, name, description);
  end_host (&inside);
  return r;
}

static int
host_context (struct gonbd_callback *cb, const char *name)
{
  int (*fn) (void *, const char *) =
    (int (*) (void *, const char *)) cb->callback;
  sigset_t inside;
  int r;

  begin_host (&inside);
  r = fn (cb->user_data, name);
  end_host (&inside);
  return r;
}

static void
host_free (struct gonbd_callback *cb)
{
  sigset_t inside;

  if (cb->free != NULL) {
    begin_host (&inside);
    cb->free (cb->user_data);
    end_host (&inside);
  }
  free (cb);
}

const struct gonbd_host gonbd_host = {
  .ppoll = host_ppoll,
  .spawn = host_spawn,
  .completion = host_completion,
  .chunk = host_chunk,
  .extent = host_extent,
  .extent64 = host_extent64,
  .list = host_list,
  .context = host_context,
  .debug = host_list, /* two strings too */
  .free = host_free,
};
