/* Subprocesses get the environment and the signal mask of their parent, as
 * both are when they start. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>

static int
child (void)
{
  const char *given = getenv ("GIVEN");
  sigset_t mask;
  int i;

  CHECK (given != NULL && strcmp (given, "since the runtime has begun") == 0);
  CHECK (sigprocmask (SIG_SETMASK, NULL, &mask) == 0);
  for (i = 1; i < NSIG; i++)
    if (i != 32 && i != 33) /* the C library's own */
      CHECK (sigismember (&mask, i) == (i == SIGUSR1));
  /* Of a subprocess on a socket only standard error is to be seen. */
  fprintf (stderr, "all is well\n");
  return 0;
}

int
main (int argc, char *argv[])
{
  struct nbd_handle *h;
  char *self[] = { argv[0], "child", NULL }, *nothing[] = { "true", NULL };
  char text[512] = { 0 };
  sigset_t mask;
  FILE *f;
  int saved = dup (2);

  if (argc > 1)
    return child ();
  h = nbd_create ();
  f = tmpfile ();
  CHECK (h != NULL && f != NULL);
  CHECK (setenv ("GIVEN", "since the runtime has begun", 1) == 0);
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR1);
  CHECK (pthread_sigmask (SIG_SETMASK, &mask, NULL) == 0);
  CHECK (dup2 (fileno (f), 2) == 2);
  CHECK (nbd_connect_command (h, self) == -1);
  nbd_close (h);
  CHECK (dup2 (saved, 2) == 2);
  CHECK (pread (fileno (f), text, sizeof text - 1, 0) > 0);
  if (strcmp (text, "all is well\n") != 0) {
    fprintf (stderr, "the subprocess says: %s", text);
    return 1;
  }
  /* So does the search for programs. */
  CHECK (setenv ("PATH", "/no/such/folder", 1) == 0);
  h = nbd_create ();
  CHECK (nbd_connect_command (h, nothing) == -1);
  CHECK (nbd_get_errno () == ENOENT);
  nbd_close (h);
  /* And LIBNBD_DEBUG. */
  CHECK (setenv ("LIBNBD_DEBUG", "1", 1) == 0);
  CHECK (dup2 (open ("/dev/null", O_WRONLY), 2) == 2);
  h = nbd_create ();
  CHECK (nbd_get_debug (h) == 1);
  nbd_close (h);
  return 0;
}
