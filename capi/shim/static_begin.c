/* Linked before the runtime: its threads must inherit a blocked mask. */
#include "internal.h"

sigset_t gonbd_start_mask;

static void __attribute__ ((constructor))
begin (void)
{
  gonbd_block_signals (&gonbd_start_mask);
}
