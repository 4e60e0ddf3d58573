/* A program that is linked with the library, and never uses it; or that is
 * not linked with it. */
#include <libnbd.h>

int
main (int argc, char *argv[])
{
  (void) argv;
#ifdef ALONE
  return argc > 100;
#else
  return argc > 100 && nbd_create () != NULL;
#endif
}
