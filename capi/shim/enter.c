/* The way into the runtime and back: with the runtime that belongs to this
 * process, and with signals blocked, so that no handler of the host ever runs
 * on one of Go's small stacks. */
#define _GNU_SOURCE 1

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* The state of the process. It lies in a page that a fork wipes, in whatever
 * way it is made, so that a child finds it zero: unlocked, and not loaded. */
struct process {
  atomic_int lock;
  _Atomic (const struct gonbd_table *) table;
};

static struct process *process;
static pthread_once_t process_once = PTHREAD_ONCE_INIT;

__thread const sigset_t *gonbd_host_mask;

/* The runtime that knows this thread. */
static __thread const struct gonbd_table *thread_table;

static void
wipe_process (void)
{
  memset (process, 0, sizeof *process);
}

static void
make_process (void)
{
  long page = sysconf (_SC_PAGESIZE);
  void *p = mmap (NULL, page, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                  -1, 0);

  if (p == MAP_FAILED)
    return;
  process = p;
  /* Where the kernel cannot wipe, a fork by the C library is noticed still. */
  if (madvise (p, page, MADV_WIPEONFORK) == -1 &&
      pthread_atfork (NULL, NULL, wipe_process) != 0) {
    munmap (p, page);
    process = NULL;
  }
}

static const struct gonbd_table *
current (void)
{
  pthread_once (&process_once, make_process);
  if (process == NULL)
    return NULL;
  return atomic_load_explicit (&process->table, memory_order_acquire);
}

bool
gonbd_ours (const struct nbd_handle *h)
{
  return h->table == current ();
}

/* The signals that report a fault of the code itself stay open: blocked, they
 * would kill the process without a handler being asked. */
void
gonbd_block_signals (sigset_t *old)
{
  sigset_t all;

  sigfillset (&all);
  sigdelset (&all, SIGSEGV);
  sigdelset (&all, SIGBUS);
  sigdelset (&all, SIGFPE);
  sigdelset (&all, SIGILL);
  sigdelset (&all, SIGTRAP);
  pthread_sigmask (SIG_SETMASK, &all, old);
}

/* Start the runtime, unless another thread has done so meanwhile. */
static const struct gonbd_table *
start (const char *call)
{
  const struct gonbd_table *table;

  if (process == NULL) {
    gonbd_fail (ENOTSUP, call, "a fork of this process could not be noticed");
    return NULL;
  }
  /* Only a thread of this very process can hold the lock, and not for long. */
  while (atomic_exchange (&process->lock, 1) != 0)
    sched_yield ();
  table = atomic_load (&process->table);
  if (table == NULL) {
    table = gonbd_load (call);
    if (table != NULL) {
      table->init (&gonbd_host);
      atomic_store_explicit (&process->table, table, memory_order_release);
    }
  }
  atomic_store (&process->lock, 0);
  return table;
}

/* Let the runtime meet a new thread. It gives the thread a stack for signal
 * handlers, which is not meant for those of the host. */
static void
introduce (const struct gonbd_table *table)
{
  stack_t stack;

  sigaltstack (NULL, &stack);
  table->thread ();
  sigaltstack (&stack, NULL);
  thread_table = table;
}

static void
come_back (struct gonbd_frame *f)
{
  gonbd_host_mask = f->outer;
  pthread_sigmask (SIG_SETMASK, &f->mask, NULL);
}

const struct gonbd_table *
gonbd_enter (struct gonbd_frame *f, const struct nbd_handle *h,
             const char *call)
{
  const struct gonbd_table *table;

  gonbd_reset_error ();
  f->err.errnum = 0;
  f->err.msg = NULL;
  table = current ();
  if (h != NULL && h->table != table) {
    gonbd_fail (ENOTSUP, call, "the handle was made before this process was "
                "forked, and only its parent can use it: make a new one");
    return NULL;
  }
  gonbd_block_signals (&f->mask);
  f->outer = gonbd_host_mask;
  gonbd_host_mask = &f->mask;
  if (table == NULL)
    table = start (call);
  if (table == NULL)
    come_back (f);
  else if (table != thread_table)
    introduce (table);
  return table;
}

void
gonbd_leave (struct gonbd_frame *f)
{
  come_back (f);
  if (f->err.msg != NULL)
    gonbd_keep_error (f->err.errnum, f->err.msg);
  else
    gonbd_reset_error (); /* that of a call which a callback made */
}
