/* usage: read SOCKET DEPTH COUNT
 *
 * Reads COUNT times 4 KiB through libnbd, DEPTH at a time, and prints the
 * time and the processor time of a read in nanoseconds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <libnbd.h>

#define SIZE 4096
#define BLOCKS 1024

static int in_flight;

static void
fail (void)
{
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}

static int
completed (void *user_data, int *error)
{
  (void) user_data;
  if (*error) {
    fprintf (stderr, "read: error %d\n", *error);
    exit (EXIT_FAILURE);
  }
  in_flight--;
  return 1;
}

static double
seconds (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int
main (int argc, char *argv[])
{
  struct nbd_handle *h = nbd_create ();
  int depth = argc > 2 ? atoi (argv[2]) : 0, count = argc > 3 ? atoi (argv[3]) : 0, issued = 0;
  char *buf = malloc ((size_t) depth * SIZE);
  struct rusage u;
  double t;

  if (h == NULL || depth < 1 || buf == NULL || nbd_connect_unix (h, argv[1]) == -1)
    fail ();
  t = seconds ();
  if (depth == 1)
    for (; issued < count; issued++) {
      if (nbd_pread (h, buf, SIZE, (uint64_t) (issued % BLOCKS) * SIZE, 0) == -1)
        fail ();
    }
  while (issued < count || in_flight > 0) {
    for (; in_flight < depth && issued < count; issued++, in_flight++)
      if (nbd_aio_pread (h, buf + (size_t) (issued % depth) * SIZE, SIZE, (uint64_t) (issued % BLOCKS) * SIZE,
                         (nbd_completion_callback) { .callback = completed }, 0) == -1)
        fail ();
    if (nbd_poll (h, -1) == -1)
      fail ();
  }
  t = seconds () - t;
  getrusage (RUSAGE_SELF, &u);
  printf ("%.0f %.0f\n", t * 1e9 / count,
          ((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3) / count);
  nbd_close (h);
  free (buf);
  return 0;
}
