/* Loading the runtime, which is a file beside this library. */
#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define FLAGS (RTLD_NOW|RTLD_LOCAL|RTLD_NODELETE)

/* How often loading was begun, also by the processes that this one was forked
 * from: what they have left in memory is of no use. */
static unsigned loads;

/* The file of this library. */
static const char *self;

/* A relative path must be looked at before the program changes its folder. */
static void __attribute__ ((constructor))
find_self (void)
{
  Dl_info info;

  if (dladdr ((void *) nbd_get_errno, &info) == 0)
    return;
  self = info.dli_fname;
  if (self != NULL && self[0] != '/')
    self = realpath (self, NULL);
}

/* Give the folder of this library in path. */
static bool
find_folder (char path[PATH_MAX])
{
  char *slash;

  if (self == NULL || realpath (self, path) == NULL)
    return false;
  slash = strrchr (path, '/');
  if (slash == NULL || slash - path + sizeof "/" GONBD_RUNTIME > PATH_MAX)
    return false;
  *slash = '\0';
  return true;
}

static bool
copy (int in, int out)
{
  struct stat st;
  off_t done = 0;

  if (fstat (in, &st) == -1)
    return false;
  while (done < st.st_size)
    if (sendfile (out, in, &done, st.st_size - done) <= 0)
      return false;
  return true;
}

/* Load a copy of the runtime that lies in memory. */
static void *
load_from_memory (int in)
{
  char name[PATH_MAX], slashes[PATH_MAX/2];
  void *dl = NULL;
  int fd;

  fd = memfd_create ("libnbd-go", MFD_CLOEXEC|0x0010U /* MFD_EXEC */);
  if (fd == -1 && errno == EINVAL)
    fd = memfd_create ("libnbd-go", MFD_CLOEXEC);
  if (fd == -1)
    return NULL;
  /* The loader knows what it has loaded by name too, and the parent may have
   * loaded from the same descriptor: more slashes make another name. */
  memset (slashes, '/', sizeof slashes);
  snprintf (name, sizeof name, "/proc/thread-self/fd/%.*s%d",
            (int) (loads % sizeof slashes), slashes, fd);
  if (copy (in, fd))
    dl = dlopen (name, FLAGS);
  close (fd);
  return dl;
}

/* Load a copy of the runtime from a temporary file: the kernel may forbid code
 * in memory, and there may be no /proc. */
static void *
load_from_file (int in, const char *call)
{
  const char *dir = secure_getenv ("TMPDIR");
  char name[PATH_MAX];
  void *dl = NULL;
  int fd;

  snprintf (name, sizeof name, "%s/libnbd-goXXXXXX", dir != NULL ? dir : "/tmp");
  fd = mkostemp (name, O_CLOEXEC);
  if (fd == -1) {
    gonbd_fail (ENOTSUP, call, "cannot make a file %s for a copy of the "
                "library's runtime: %m", name);
    return NULL;
  }
  if (!copy (in, fd))
    gonbd_fail (ENOTSUP, call, "cannot copy the library's runtime to %s: %m",
                name);
  else if ((dl = dlopen (name, FLAGS)) == NULL)
    gonbd_fail (ENOTSUP, call, "cannot load the library's runtime: %s",
                dlerror ());
  unlink (name);
  close (fd);
  return dl;
}

/* The loader gives a file that it has loaded before once more, and a child
 * needs a new one. */
static void *
load_copy (const char *path, const char *call)
{
  int in = open (path, O_RDONLY|O_CLOEXEC);
  void *dl;

  if (in == -1) {
    gonbd_fail (ENOTSUP, call, "cannot open the library's runtime %s: %m", path);
    return NULL;
  }
  dl = load_from_memory (in);
  if (dl == NULL)
    dl = load_from_file (in, call);
  close (in);
  return dl;
}

const struct gonbd_table *
gonbd_load (const char *call)
{
  const struct gonbd_table *table;
  char path[PATH_MAX];
  void *dl;

  if (!find_folder (path)) {
    gonbd_fail (ENOTSUP, call, "cannot find the folder of the library %s, "
                "which its runtime " GONBD_RUNTIME " lies in",
                self != NULL ? self : "libnbd.so.0");
    return NULL;
  }
  strcat (path, "/" GONBD_RUNTIME);
  if (loads++ == 0) {
    dl = dlopen (path, FLAGS);
    if (dl == NULL)
      gonbd_fail (ENOTSUP, call, "cannot load the library's runtime: %s",
                  dlerror ());
  }
  else
    dl = load_copy (path, call);
  if (dl == NULL)
    return NULL;
  table = dlsym (dl, "gonbd_table");
  if (table == NULL || table->version != GONBD_ABI) {
    gonbd_fail (ENOTSUP, call, "%s belongs to another version of this library",
                path);
    return NULL;
  }
  return table;
}
