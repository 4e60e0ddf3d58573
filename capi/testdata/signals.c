/* usage: signals SCENARIO SOCKET: the host's signals, while it uses the
 * library. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static const char *path;
static atomic_uint handled, strangers;

/* The threads of the program. */
static atomic_int ours[16];
static atomic_int nr_ours;

static void
i_am_ours (void)
{
  ours[atomic_fetch_add (&nr_ours, 1)] = syscall (SYS_gettid);
}

/* A handler that needs much stack, and that must run on threads of the
 * program only. */
static void
handler (int sig)
{
  volatile char frame[16384];
  int tid = syscall (SYS_gettid), saved = errno;

  (void) sig;
  for (size_t i = 0; i < sizeof frame; i += 64)
    frame[i] = (char) i;
  for (size_t i = 0; i < sizeof frame; i += 64)
    if (frame[i] != (char) i)
      abort ();
  handled++;
  for (int i = 0; i < nr_ours; i++)
    if (ours[i] == tid) {
      errno = saved;
      return;
    }
  strangers++;
  errno = saved;
}

static void
handle_signal (int sig, int flags)
{
  struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

  sigemptyset (&sa.sa_mask);
  CHECK (sigaction (sig, &sa, NULL) == 0);
}

static sigset_t
mask_now (void)
{
  sigset_t m;

  sigemptyset (&m);
  CHECK (pthread_sigmask (SIG_SETMASK, NULL, &m) == 0);
  return m;
}

static int
same_mask (const sigset_t *a, const sigset_t *b)
{
  for (int i = 1; i < NSIG; i++)
    if (sigismember (a, i) != sigismember (b, i))
      return 0;
  return 1;
}

static sigset_t in_callback;

static int
look (void *data, int *error)
{
  (void) data;
  (void) error;
  in_callback = mask_now ();
  return 1;
}

/* Some of everything that sleeps or not. */
static void
work (struct nbd_handle *h)
{
  char buf[4096];

  use (h);
  for (int i = 0; i < 8; i++)
    CHECK (nbd_aio_pread (h, buf, sizeof buf, 0, (nbd_completion_callback) { .callback = look }, 0) > 0);
  while (nbd_aio_in_flight (h) > 0)
    CHECK (nbd_poll (h, -1) >= 0);
  CHECK (nbd_get_size (h) == 1 << 20);
}

static atomic_bool stop;

static void *
worker (void *arg)
{
  i_am_ours ();
  CHECK (pthread_sigmask (SIG_SETMASK, arg, NULL) == 0);
  while (!stop) {
    struct nbd_handle *h = connected (path);
    for (int i = 0; i < 20; i++)
      work (h);
    nbd_close (h);
  }
  return NULL;
}

static const int hammered[] = { SIGALRM, SIGPROF, SIGVTALRM, SIGUSR1, SIGCHLD, SIGURG, SIGIO };
#define NR_HAMMERED (sizeof hammered / sizeof hammered[0])

/* Signals from timers, from another thread and from another process. */
static void
hammer (int flags)
{
  struct itimerval often = { { 0, 300 }, { 0, 300 } };
  pthread_t threads[2];
  sigset_t all, none;
  struct timespec now, end;
  /* Room for handlers that interrupt each other, one for each signal. */
  stack_t stack = { .ss_sp = malloc (1 << 20), .ss_size = 1 << 20 };
  pid_t pid;

  i_am_ours ();
  CHECK (sigaltstack (&stack, NULL) == 0);
  for (size_t i = 0; i < NR_HAMMERED; i++)
    handle_signal (hammered[i], flags);
  handle_signal (SIGRTMIN, flags);
  /* A thread must be known before it gets signals. */
  sigfillset (&all);
  CHECK (pthread_sigmask (SIG_SETMASK, &all, &none) == 0);
  for (int i = 0; i < 2; i++)
    CHECK (pthread_create (&threads[i], NULL, worker, &none) == 0);
  CHECK (pthread_sigmask (SIG_SETMASK, &none, NULL) == 0);
  CHECK (setitimer (ITIMER_REAL, &often, NULL) == 0);
  CHECK (setitimer (ITIMER_PROF, &often, NULL) == 0);
  CHECK (setitimer (ITIMER_VIRTUAL, &often, NULL) == 0);
  pid = fork ();
  if (pid == 0) {
    struct timespec pause = { 0, 100000 };
    /* Until the parent kills it. */
    for (size_t i = 0; getppid () != 1; i++) {
      kill (getppid (), hammered[i % NR_HAMMERED]);
      nanosleep (&pause, NULL);
    }
    _exit (0);
  }
  CHECK (pid > 0);
  clock_gettime (CLOCK_MONOTONIC, &end);
  end.tv_sec += 3;
  /* Three seconds, and more where they bring few signals. */
  do {
    struct nbd_handle *h = connected (path);
    for (int i = 0; i < 20; i++) {
      work (h);
      pthread_kill (threads[i % 2], SIGUSR1);
      pthread_kill (threads[i % 2], SIGRTMIN);
    }
    nbd_close (h);
    clock_gettime (CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec || handled <= 1000);
  stop = true;
  for (int i = 0; i < 2; i++)
    CHECK (pthread_join (threads[i], NULL) == 0);
  CHECK (kill (pid, SIGKILL) == 0);
  while (waitpid (pid, NULL, 0) == -1)
    CHECK (errno == EINTR);
  CHECK (strangers == 0);
}

static void
hammer_plain (void)
{
  hammer (0);
}

static void
hammer_onstack (void)
{
  hammer (SA_ONSTACK | SA_RESTART);
}

/* Nothing of the host's is changed: handlers, masks, signal stacks. */
static void
untouched (void)
{
  struct sigaction before[NSIG], after;
  stack_t stack_before, stack_after;
  sigset_t mask, now;
  struct nbd_handle *h;

  signal (SIGPIPE, SIG_IGN);
  handle_signal (SIGUSR1, 0);
  handle_signal (SIGSEGV, SA_RESTART);
  handle_signal (SIGCHLD, 0);
  handle_signal (SIGRTMIN, 0);
  handle_signal (SIGRTMIN + 3, SA_ONSTACK);
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR2);
  sigaddset (&mask, SIGRTMAX);
  CHECK (pthread_sigmask (SIG_SETMASK, &mask, NULL) == 0);
  mask = mask_now ();
  for (int i = 1; i < NSIG; i++)
    sigaction (i, NULL, &before[i]);
  CHECK (sigaltstack (NULL, &stack_before) == 0);

  h = connected (path);
  work (h);
  CHECK (same_mask (&in_callback, &mask));
  CHECK (nbd_pread (h, NULL, 0, 0, 0) == -1);
  CHECK (nbd_connect_unix (h, path) == -1);
  now = mask_now ();
  CHECK (same_mask (&now, &mask));
  nbd_close (h);

  for (int i = 1; i < NSIG; i++) {
    memset (&after, 0, sizeof after);
    if (sigaction (i, NULL, &after) == -1)
      continue; /* the C library's own */
    if (before[i].sa_handler != after.sa_handler || before[i].sa_flags != after.sa_flags) {
      fprintf (stderr, "signal %d: flags %x, handler %p; then %x, %p\n", i, before[i].sa_flags,
               (void *) before[i].sa_handler, after.sa_flags, (void *) after.sa_handler);
      exit (1);
    }
  }
  now = mask_now ();
  CHECK (same_mask (&now, &mask));
  CHECK (sigaltstack (NULL, &stack_after) == 0);
  CHECK (stack_before.ss_sp == stack_after.ss_sp && stack_before.ss_flags == stack_after.ss_flags);
}

/* A program that waits for nothing is not woken by the library. */
static void
no_interruption (void)
{
  struct nbd_handle *h = connected (path);

  work (h);
  for (int i = 0; i < 100; i++) {
    CHECK (poll (NULL, 0, 10) == 0);
    use (h);
  }
  nbd_close (h);
}

/* Blocked in a call until a signal kills it: the test does that. */
static void
blocked (void)
{
  struct nbd_handle *h = nbd_create ();

  CHECK (h != NULL);
  /* They are ignored where the tests run in the background. */
  signal (SIGINT, SIG_DFL);
  signal (SIGHUP, SIG_DFL);
  signal (SIGTERM, SIG_DFL);
  printf ("blocked\n");
  fflush (stdout);
  /* A server that says nothing. */
  nbd_connect_command (h, (char *[]) { "cat", NULL });
  fprintf (stderr, "not blocked: %s\n", nbd_get_error ());
}

static void
reaping_handler (int sig)
{
  int saved = errno;

  (void) sig;
  while (waitpid (-1, NULL, WNOHANG) > 0)
    handled++;
  errno = saved;
}

/* A subprocess that ends at once, and a handle that has not reaped it. */
static struct nbd_handle *
with_ended_subprocess (void)
{
  struct nbd_handle *h = nbd_create ();

  CHECK (h != NULL);
  CHECK (nbd_connect_command (h, (char *[]) { "true", NULL }) == -1);
  return h;
}

/* A subprocess of the library that its program reaps, before the library or
 * while it does, or that nobody can. */
static void
reaping (void)
{
  sigset_t child, mask;
  struct nbd_handle *h;

  signal (SIGCHLD, reaping_handler);
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  CHECK (pthread_sigmask (SIG_BLOCK, &child, &mask) == 0);
  for (unsigned i = 0; i < 10; i++) {
    h = with_ended_subprocess ();
    while (handled == i)
      sigsuspend (&mask);
    CHECK (handled == i + 1);
    nbd_close (h);
  }
  CHECK (pthread_sigmask (SIG_SETMASK, &mask, NULL) == 0);
  for (int i = 0; i < 10; i++)
    nbd_close (with_ended_subprocess ());
  signal (SIGCHLD, SIG_IGN);
  for (int i = 0; i < 10; i++)
    nbd_close (with_ended_subprocess ());
}

int
main (int argc, char *argv[])
{
  static const struct { const char *name; void (*run) (void); } scenarios[] = {
    { "plain", hammer_plain }, { "onstack", hammer_onstack },
    { "untouched", untouched }, { "poll", no_interruption },
    { "blocked", blocked }, { "reaping", reaping },
  };

  CHECK (argc == 3);
  path = argv[2];
  for (size_t s = 0; s < sizeof scenarios / sizeof scenarios[0]; s++)
    if (strcmp (argv[1], scenarios[s].name) == 0) {
      scenarios[s].run ();
      return 0;
    }
  fprintf (stderr, "no scenario %s\n", argv[1]);
  return 2;
}
