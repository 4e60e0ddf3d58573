#include <libnbd.h>

extern int header (void);

int
header (void)
{
  nbd_completion_callback none = NBD_NULL_COMPLETION;

  return none.callback == NULL && LIBNBD_CMD_FLAG_FUA == 1;
}
