#include <pthread.h>

#include "table_gen.h"

/* What the shim does for the runtime. */
const struct gonbd_host *host;

/* A thread that has called Go tells it when it ends, by way of this pointer of
 * runtime/cgo. It is weak because cgo also links this file without Go. */
extern void (*x_crosscall2_ptr) (void (*fn) (void *), void *arg, int n,
                                 size_t ctxt) __attribute__ ((weak));

/* In a child there is nobody to be told: the call could wait for ever for a
 * thread of the parent's. */
static void
forget_threads (void)
{
  x_crosscall2_ptr = NULL;
}

void
gonbd_init (const struct gonbd_host *h)
{
  host = h;
  pthread_atfork (NULL, NULL, forget_threads);
}
