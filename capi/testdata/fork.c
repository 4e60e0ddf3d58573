/* usage: fork SCENARIO SOCKET COUNT: run a scenario so many times. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static const char *path;

/* How the scenario forks. */
static pid_t (*fork_somehow) (void) = fork;

static pid_t
clone_raw (void)
{
  return syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/* A child that uses the library by itself, and ends well. */
static void
child_uses (void)
{
  pid_t pid = fork_somehow ();

  if (pid == 0) {
    use_new (path);
    _exit (0);
  }
  reap (pid);
}

static void
unused (void)
{
  /* Each time in a process that has not used the library. */
  pid_t pid = fork ();

  if (pid == 0) {
    child_uses ();
    use_new (path);
    _exit (0);
  }
  reap (pid);
}

static void
used (void)
{
  use_new (path);
  child_uses ();
  use_new (path);
}

/* The child of a child, and so on. */
static void
nest (int depth)
{
  pid_t pid;

  use_new (path);
  if (depth == 0)
    return;
  pid = fork_somehow ();
  if (pid == 0) {
    nest (depth - 1);
    _exit (0);
  }
  reap (pid);
  use_new (path);
}

static void
nested (void)
{
  nest (20);
}

/* A handle of the parent's is of no use in the child, which can close it
 * without harm to the parent. */
static void
before (void)
{
  struct nbd_handle *h = connected (path);
  int fd = nbd_aio_get_fd (h);
  char buf[512];
  pid_t pid;

  use (h);
  CHECK (nbd_pread (h, NULL, 1, 0, 0) == -1);
  pid = fork_somehow ();
  if (pid == 0) {
    CHECK (nbd_pread (h, buf, sizeof buf, 0, 0) == -1);
    CHECK (nbd_get_errno () == ENOTSUP && strstr (nbd_get_error (), "fork") != NULL);
    CHECK (nbd_get_size (h) == -1 && nbd_get_errno () == ENOTSUP);
    CHECK (nbd_connection_state (h) == NULL && nbd_get_errno () == ENOTSUP);
    use_new (path);
    CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
    /* Also when the runtime is loaded anew. */
    CHECK (nbd_get_size (h) == -1 && nbd_get_errno () == ENOTSUP);
    CHECK (fcntl (fd, F_GETFD) != -1);
    nbd_close (h);
    CHECK (fcntl (fd, F_GETFD) == -1 && errno == EBADF);
    CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
    _exit (0);
  }
  reap (pid);
  use (h);
  /* A child may close first of all, and need no runtime. */
  pid = fork_somehow ();
  if (pid == 0) {
    nbd_close (h);
    CHECK (fcntl (fd, F_GETFD) == -1 && errno == EBADF);
    CHECK (nbd_get_error () == NULL && nbd_get_errno () == 0);
    _exit (0);
  }
  reap (pid);
  use (h);
  nbd_close (h);
}

static atomic_bool stop;

static void *
busy (void *arg)
{
  (void) arg;
  while (!stop)
    use_new (path);
  return NULL;
}

static void
fork_while_busy (void)
{
  child_uses ();
}

static void *
join_and_exit (void *arg)
{
  CHECK (pthread_join (*(pthread_t *) arg, NULL) == 0);
  _exit (0);
}

/* A child that is made by a thread, whose end must not hang. */
static void *
thread_forks (void *arg)
{
  static pthread_t self, other;
  pid_t pid;

  (void) arg;
  use_new (path);
  pid = fork_somehow ();
  if (pid == 0) {
    use_new (path);
    self = pthread_self ();
    CHECK (pthread_create (&other, NULL, join_and_exit, &self) == 0);
    return NULL;
  }
  reap (pid);
  return NULL;
}

static void
from_thread (void)
{
  pthread_t t;

  CHECK (pthread_create (&t, NULL, thread_forks, NULL) == 0);
  CHECK (pthread_join (t, NULL) == 0);
}

/* Many threads use the library first at the same time. */
static void *
first_use (void *arg)
{
  (void) arg;
  use_new (path);
  return NULL;
}

static void
race (void)
{
  pid_t pid = fork (), pid2;

  if (pid == 0) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
      CHECK (pthread_create (&threads[i], NULL, first_use, NULL) == 0);
    /* Somewhere in the middle of the loading. */
    pid2 = fork ();
    if (pid2 == 0) {
      use_new (path);
      _exit (0);
    }
    reap (pid2);
    for (int i = 0; i < 4; i++)
      CHECK (pthread_join (threads[i], NULL) == 0);
    _exit (0);
  }
  reap (pid);
}

/* A child that runs another program at once, as most do. */
static void
exec_ (void)
{
  pid_t pid;

  use_new (path);
  pid = vfork ();
  if (pid == 0) {
    execl ("/bin/true", "true", (char *) NULL);
    _exit (1);
  }
  reap (pid);
  use_new (path);
}

int
main (int argc, char *argv[])
{
  static const struct { const char *name; void (*run) (void); } scenarios[] = {
    { "unused", unused }, { "used", used }, { "nested", nested },
    { "before", before }, { "busy", fork_while_busy },
    { "thread", from_thread }, { "race", race }, { "exec", exec_ },
  };
  pthread_t threads[3];
  const char *name;
  bool is_busy;

  CHECK (argc == 4);
  name = argv[1];
  path = argv[2];
  if (strncmp (name, "clone-", 6) == 0) {
    fork_somehow = clone_raw;
    name += 6;
  }
  is_busy = strcmp (name, "busy") == 0;
  for (int i = 0; i < 3 && is_busy; i++)
    CHECK (pthread_create (&threads[i], NULL, busy, NULL) == 0);
  for (size_t s = 0; s < sizeof scenarios / sizeof scenarios[0]; s++)
    if (strcmp (name, scenarios[s].name) == 0) {
      for (int i = 0; i < atoi (argv[3]); i++)
        scenarios[s].run ();
      stop = true;
      for (int i = 0; i < 3 && is_busy; i++)
        CHECK (pthread_join (threads[i], NULL) == 0);
      return 0;
    }
  fprintf (stderr, "no scenario %s\n", name);
  return 2;
}
