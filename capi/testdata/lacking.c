/* Preloaded, makes the kernel seem to lack something. */
#define _GNU_SOURCE 1

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef NO_WIPEONFORK
int
madvise (void *addr, size_t length, int advice)
{
  if (advice == MADV_WIPEONFORK) {
    errno = EINVAL;
    return -1;
  }
  return syscall (SYS_madvise, addr, length, advice);
}
#endif

#ifdef NO_MEMFD
int
memfd_create (const char *name, unsigned flags)
{
  (void) name;
  (void) flags;
  errno = EACCES;
  return -1;
}
#endif
