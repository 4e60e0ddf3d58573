/* The shim is libnbd.so.0. It loads the runtime when it is needed first, and
 * again in a process that was forked since, keeps the error of each thread,
 * and sees to it that no signal handler of the host runs inside of Go. */
#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

/* The error of a thread. */
struct thread_error {
  int errnum;
  char *msg;
};

static pthread_key_t error_key;
static pthread_once_t error_once = PTHREAD_ONCE_INIT;
static int error_key_ok;

static void
free_error (void *p)
{
  struct thread_error *e = p;

  free (e->msg);
  free (e);
}

static void
make_error_key (void)
{
  error_key_ok = pthread_key_create (&error_key, free_error) == 0;
}

static struct thread_error *
thread_error (bool make)
{
  struct thread_error *e;

  pthread_once (&error_once, make_error_key);
  if (!error_key_ok)
    return NULL;
  e = pthread_getspecific (error_key);
  if (e == NULL && make) {
    e = calloc (1, sizeof *e);
    if (e != NULL && pthread_setspecific (error_key, e) != 0) {
      free (e);
      e = NULL;
    }
  }
  return e;
}

/* Keep an error for nbd_get_error; msg becomes ours. */
static void
keep_error (int errnum, char *msg)
{
  struct thread_error *e = thread_error (true);

  if (e == NULL) {
    free (msg);
    return;
  }
  free (e->msg);
  e->errnum = errnum;
  e->msg = msg;
}

static void
reset_error (void)
{
  struct thread_error *e = thread_error (false);

  if (e != NULL && e->msg != NULL) {
    free (e->msg);
    e->msg = NULL;
    e->errnum = 0;
  }
}

static void
set_error (int errnum, const char *call, const char *fmt, ...)
{
  char text[512];
  char *msg = NULL;
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  if (asprintf (&msg, "%s: %s: %s", call, text, strerror (errnum)) == -1)
    msg = NULL;
  keep_error (errnum, msg);
}

GONBD_EXPORT const char *
nbd_get_error (void)
{
  struct thread_error *e = thread_error (false);

  return e != NULL ? e->msg : NULL;
}

GONBD_EXPORT int
nbd_get_errno (void)
{
  struct thread_error *e = thread_error (false);

  return e != NULL ? e->errnum : 0;
}

/* The state of the process. It lies in a page that a fork wipes, in whatever
 * way it is made, so that a child finds it zero: unlocked, and not loaded. */
struct process {
  atomic_int lock;
  _Atomic (const struct gonbd_table *) table;
};

static struct process *process;
static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static atomic_uint generation; /* how many runtimes were loaded, forks included */

static void
make_process (void)
{
  long page = sysconf (_SC_PAGESIZE);
  void *p = mmap (NULL, page, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                  -1, 0);

  if (p == MAP_FAILED)
    return;
  if (madvise (p, page, MADV_WIPEONFORK) == -1) {
    munmap (p, page);
    return;
  }
  process = p;
}

/* The signals that report a fault of the code itself stay open: blocked, they
 * would kill the process without a handler being asked. */
static void
block_signals (sigset_t *old)
{
  sigset_t all;

  sigfillset (&all);
  sigdelset (&all, SIGSEGV);
  sigdelset (&all, SIGBUS);
  sigdelset (&all, SIGFPE);
  sigdelset (&all, SIGILL);
  sigdelset (&all, SIGTRAP);
  sigdelset (&all, SIGABRT);
  pthread_sigmask (SIG_SETMASK, &all, old);
}

/* The mask of the thread when it called the library, while it is inside. */
static __thread const sigset_t *host_mask;

/* Load the runtime from its file, or from a copy: the loader takes a file that
 * it has loaded before for the same library, and a child of a fork needs a
 * new one. */
static void *
load_copy (const char *path, char *why, size_t len)
{
  char name[64];
  char buf[65536];
  char tmp[PATH_MAX];
  const char *dir;
  ssize_t n;
  void *dl = NULL;
  bool named = false;
  int in, out;

  in = open (path, O_RDONLY|O_CLOEXEC);
  if (in == -1) {
    snprintf (why, len, "%s: %s", path, strerror (errno));
    return NULL;
  }
  out = memfd_create ("libnbd-go", MFD_CLOEXEC|0x0010U /* MFD_EXEC */);
  if (out == -1 && errno == EINVAL)
    out = memfd_create ("libnbd-go", MFD_CLOEXEC);
  if (out == -1) {
    dir = secure_getenv ("TMPDIR");
    snprintf (tmp, sizeof tmp, "%s/libnbd-goXXXXXX", dir ? dir : "/tmp");
    out = mkostemp (tmp, O_CLOEXEC);
    named = out != -1;
  }
  if (out == -1) {
    snprintf (why, len, "no file for a copy: %s", strerror (errno));
    close (in);
    return NULL;
  }
  while ((n = read (in, buf, sizeof buf)) > 0) {
    ssize_t done = 0;
    while (done < n) {
      ssize_t m = write (out, buf + done, n - done);
      if (m == -1) {
        snprintf (why, len, "copying: %s", strerror (errno));
        goto out;
      }
      done += m;
    }
  }
  snprintf (name, sizeof name, "/proc/thread-self/fd/%d", out);
  dl = dlopen (named ? tmp : name, RTLD_NOW|RTLD_LOCAL|RTLD_NODELETE);
  if (dl == NULL)
    snprintf (why, len, "%s", dlerror ());
 out:
  if (named)
    unlink (tmp);
  close (in);
  close (out);
  return dl;
}

/* Find the runtime beside this library. */
static bool
runtime_path (char *path, size_t len)
{
  Dl_info info;
  char real[PATH_MAX];
  char *slash;

  if (dladdr ((void *) nbd_get_errno, &info) == 0 || info.dli_fname == NULL)
    return false;
  if (realpath (info.dli_fname, real) == NULL)
    return false;
  slash = strrchr (real, '/');
  if (slash == NULL)
    return false;
  *slash = '\0';
  return snprintf (path, len, "%s/%s", real, GONBD_RUNTIME) < (int) len;
}

static const int go_signals[] = {
  SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
  SIGPIPE, SIGTERM, SIGURG, SIGPROF, SIGSYS, SIGXFSZ, SIGXCPU, SIGVTALRM,
  SIGALRM, SIGUSR1, SIGUSR2, SIGCHLD, SIGCONT, SIGIO, SIGPWR, SIGWINCH,
  SIGTSTP, SIGTTIN, SIGTTOU, SIGSTKFLT,
};
#define NR_SIGNALS (sizeof go_signals / sizeof go_signals[0])

/* Load the runtime. Signals are blocked, so that its threads inherit that, and
 * the host's handlers are put back afterwards. */
static const struct gonbd_table *
load_runtime (const char *call)
{
  struct sigaction saved[NR_SIGNALS];
  char path[PATH_MAX], why[512] = "";
  const struct gonbd_table *table = NULL;
  void *dl;
  size_t i;

#ifdef GONBD_STATIC
  (void) path;
  (void) dl;
  if (atomic_load (&generation) == 0)
    table = &gonbd_table;
  else
    snprintf (why, sizeof why, "the statically linked library does not work in a child process");
#else
  for (i = 0; i < NR_SIGNALS; i++)
    sigaction (go_signals[i], NULL, &saved[i]);
  if (!runtime_path (path, sizeof path))
    snprintf (why, sizeof why, "the folder of this library is not known");
  else {
    if (atomic_load (&generation) == 0) {
      dl = dlopen (path, RTLD_NOW|RTLD_LOCAL|RTLD_NODELETE);
      if (dl == NULL)
        snprintf (why, sizeof why, "%s", dlerror ());
    }
    else
      dl = load_copy (path, why, sizeof why);
    if (dl != NULL) {
      table = dlsym (dl, "gonbd_table");
      if (table == NULL)
        snprintf (why, sizeof why, "%s is not the runtime of this library", path);
    }
  }
#endif
  if (table != NULL && table->version != GONBD_ABI) {
    snprintf (why, sizeof why, "%s belongs to another version of this library", GONBD_RUNTIME);
    table = NULL;
  }
  if (table != NULL)
    table->init (&gonbd_host);
#ifndef GONBD_STATIC
  for (i = 0; i < NR_SIGNALS; i++)
    sigaction (go_signals[i], &saved[i], NULL);
#else
  (void) saved;
  (void) i;
#endif
  if (table == NULL) {
    set_error (ENOTSUP, call, "cannot load the library's runtime: %s", why);
    return NULL;
  }
  atomic_fetch_add (&generation, 1);
  return table;
}

/* Begin a call: block signals, and give the runtime. h is NULL where the call
 * has no handle. */
const struct gonbd_table *
gonbd_enter (struct gonbd_frame *f, struct nbd_handle *h, const char *call)
{
  const struct gonbd_table *table;

  reset_error ();
  f->err.errnum = 0;
  f->err.msg = NULL;
  pthread_once (&process_once, make_process);
  if (process == NULL) {
    set_error (ENOTSUP, call, "the kernel lacks MADV_WIPEONFORK");
    return NULL;
  }
  block_signals (&f->mask);
  f->outer = host_mask;
  host_mask = &f->mask;
  table = atomic_load_explicit (&process->table, memory_order_acquire);
  if (table == NULL && h == NULL) {
    /* Only the lock of a thread of this very process can be found held. */
    while (atomic_exchange (&process->lock, 1) != 0)
      sched_yield ();
    table = atomic_load (&process->table);
    if (table == NULL) {
      table = load_runtime (call);
      atomic_store_explicit (&process->table, table, memory_order_release);
    }
    atomic_store (&process->lock, 0);
  }
  else if (table == NULL || h != NULL && h->generation != atomic_load (&generation)) {
    set_error (ENOTSUP, call, "the handle was made before this process was "
               "forked, and only its parent can use it: make a new one");
    table = NULL;
  }
  if (table == NULL) {
    host_mask = f->outer;
    pthread_sigmask (SIG_SETMASK, &f->mask, NULL);
  }
  return table;
}

void
gonbd_leave (struct gonbd_frame *f)
{
  host_mask = f->outer;
  pthread_sigmask (SIG_SETMASK, &f->mask, NULL);
  if (f->err.msg != NULL)
    keep_error (f->err.errnum, f->err.msg);
}

/* A null pointer where there must be none. */
void
gonbd_null (const char *call, const char *param)
{
  reset_error ();
  set_error (EFAULT, call, "%s cannot be NULL", param);
}

struct gonbd_callback *
gonbd_copy (const void *cb)
{
  const struct gonbd_callback *from = cb;
  struct gonbd_callback *to;

  if (from->callback == NULL && from->free == NULL)
    return NULL;
  to = malloc (sizeof *to);
  if (to != NULL)
    *to = *from;
  return to;
}

/* A callback that will not be called, since the call has failed early. */
void
gonbd_drop (const void *cb)
{
  const struct gonbd_callback *c = cb;

  if (c->free != NULL)
    c->free (c->user_data);
}

GONBD_EXPORT struct nbd_handle *
nbd_create (void)
{
  struct gonbd_frame f;
  const struct gonbd_table *t = gonbd_enter (&f, NULL, "nbd_create");
  struct nbd_handle *h;

  if (t == NULL)
    return NULL;
  h = calloc (1, sizeof *h);
  if (h == NULL) {
    gonbd_leave (&f);
    set_error (ENOMEM, "nbd_create", "malloc");
    return NULL;
  }
  h->fd = -1;
  h->generation = atomic_load (&generation);
  h->id = t->create (&h->fd);
  gonbd_leave (&f);
  return h;
}

GONBD_EXPORT void
nbd_close (struct nbd_handle *h)
{
  struct gonbd_frame f;
  const struct gonbd_table *t;

  if (h == NULL)
    return;
  t = gonbd_enter (&f, h, "nbd_close");
  if (t != NULL) {
    t->close (h->id, &f.err);
    gonbd_leave (&f);
  }
  else if (h->fd >= 0)
    close (h->fd); /* our copy of the parent's socket */
  free (h);
}

/* What the runtime asks of the host: with the thread's own signal mask. */

static void
begin_host (sigset_t *inside)
{
  pthread_sigmask (SIG_SETMASK, host_mask, inside);
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
  int r = ppoll (fds, n, timeout, host_mask);

  return r == -1 ? -errno : r;
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
  .completion = host_completion,
  .chunk = host_chunk,
  .extent = host_extent,
  .extent64 = host_extent64,
  .list = host_list,
  .context = host_context,
  .debug = host_list, /* two strings too */
  .free = host_free,
};
