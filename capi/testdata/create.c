/* usage: create [FOLDER]: go there, and make a handle. */
#include "check.h"

int
main (int argc, char *argv[])
{
  struct nbd_handle *h;

  if (argc > 1)
    CHECK (chdir (argv[1]) == 0);
  h = nbd_create ();
  if (h == NULL) {
    fprintf (stderr, "%s\n", nbd_get_error ());
    return nbd_get_errno () == ENOTSUP ? 1 : 2;
  }
  nbd_close (h);
  return 0;
}
