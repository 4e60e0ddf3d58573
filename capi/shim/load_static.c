/* The static library has the runtime inside, and starts it with the program. */
#include <errno.h>

#include "internal.h"

static bool loaded;

const struct gonbd_table *
gonbd_load (const char *call)
{
  if (loaded) {
    gonbd_fail (ENOTSUP, call, "the statically linked library does not work "
                "in a child process of one that has used it: link with the "
                "shared library");
    return NULL;
  }
  loaded = true;
  return &gonbd_table;
}
