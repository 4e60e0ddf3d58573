/* The error of each thread, which nbd_get_error and nbd_get_errno give. */
#define _GNU_SOURCE 1

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

struct thread_error {
  int errnum;
  char *msg;
};

static pthread_key_t error_key;
static pthread_once_t error_once = PTHREAD_ONCE_INIT;
static bool error_key_ok;

static void
free_error (void *p)
{
  struct thread_error *e = p;

  free (e->msg);
  free (e);
}

static void
make_error_key (void)
{
  error_key_ok = pthread_key_create (&error_key, free_error) == 0;
}

static struct thread_error *
thread_error (bool make)
{
  struct thread_error *e;

  pthread_once (&error_once, make_error_key);
  if (!error_key_ok)
    return NULL;
  e = pthread_getspecific (error_key);
  if (e == NULL && make) {
    e = calloc (1, sizeof *e);
    if (e != NULL && pthread_setspecific (error_key, e) != 0) {
      free (e);
      e = NULL;
    }
  }
  return e;
}

void
gonbd_keep_error (int errnum, char *msg)
{
  struct thread_error *e = thread_error (true);

  if (e == NULL) {
    free (msg);
    return;
  }
  free (e->msg);
  e->errnum = errnum;
  e->msg = msg;
}

void
gonbd_reset_error (void)
{
  struct thread_error *e = thread_error (false);

  if (e != NULL) {
    free (e->msg);
    e->msg = NULL;
    e->errnum = 0;
  }
}

void
gonbd_fail (int errnum, const char *call, const char *fmt, ...)
{
  char *text, *msg;
  va_list args;

  va_start (args, fmt);
  if (vasprintf (&text, fmt, args) == -1)
    text = NULL;
  va_end (args);
  /* Unlike strerror, %m is safe where there are threads. */
  errno = errnum;
  if (asprintf (&msg, "%s: %s: %m", call, text != NULL ? text : "failed") == -1)
    msg = NULL;
  free (text);
  gonbd_keep_error (errnum, msg);
}

GONBD_EXPORT const char *
nbd_get_error (void)
{
  struct thread_error *e = thread_error (false);

  return e != NULL ? e->msg : NULL;
}

GONBD_EXPORT int
nbd_get_errno (void)
{
  struct thread_error *e = thread_error (false);

  return e != NULL ? e->errnum : 0;
}
