/* usage: dlopen SOCKET LIBRARY [PLUGIN PLUGIN]: load the library, use it and
 * unload it many times, or what uses it. The program itself does not know it. */
#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct nbd_handle;

static void *
need (void *p)
{
  if (p == NULL) {
    fprintf (stderr, "%s\n", dlerror ());
    exit (1);
  }
  return p;
}

static void
use_library (const char *socket, const char *library)
{
  void *dl = need (dlopen (library, RTLD_NOW | RTLD_LOCAL));
  struct nbd_handle *(*create) (void) = need (dlsym (dl, "nbd_create"));
  int (*connect) (struct nbd_handle *, const char *) = need (dlsym (dl, "nbd_connect_unix"));
  void (*close) (struct nbd_handle *) = need (dlsym (dl, "nbd_close"));
  struct nbd_handle *h = create ();

  if (h == NULL || connect (h, socket) == -1) {
    fprintf (stderr, "no connection\n");
    exit (1);
  }
  close (h);
  if (dlclose (dl) != 0) {
    fprintf (stderr, "%s\n", dlerror ());
    exit (1);
  }
}

int
main (int argc, char *argv[])
{
  void *dl[2];

  for (int i = 0; i < 100; i++) {
    use_library (argv[1], argv[2]);
    if (argc < 5)
      continue;
    for (int p = 0; p < 2; p++) {
      dl[p] = need (dlopen (argv[3 + p], RTLD_NOW | RTLD_LOCAL));
      if (((int (*) (const char *)) need (dlsym (dl[p], "plugin"))) (argv[1]) != 0)
        return 1;
    }
    dlclose (dl[0]);
    dlclose (dl[1]);
  }
  return 0;
}
