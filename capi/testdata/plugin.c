/* A plugin that uses the library on its own. */
#include "check.h"

int plugin (const char *path);

int
plugin (const char *path)
{
  use_new (path);
  return 0;
}
