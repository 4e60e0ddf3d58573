/* Linked after the runtime: see static_begin.c. */
#include "internal.h"

extern sigset_t gonbd_start_mask;

static void __attribute__ ((constructor))
end (void)
{
  pthread_sigmask (SIG_SETMASK, &gonbd_start_mask, NULL);
}
