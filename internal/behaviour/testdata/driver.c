/* The C face of the behaviour tests: reads calls from standard input, a line
 * each, makes them, and prints an outcome for each. Package behaviour says
 * what both look like.
 */

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "driver.h"

struct nbd_handle *h;

static void *
must (void *p)
{
  if (p == NULL)
    abort ();
  return p;
}

/* A string that grows. */
struct text {
  char *s;
  size_t len, size;
};

static void
add (struct text *t, const char *format, ...)
{
  va_list args;
  char *s;
  size_t n;
  int r;

  va_start (args, format);
  r = vasprintf (&s, format, args);
  va_end (args);
  if (r == -1)
    abort ();
  n = (size_t) r;
  if (t->len + n + 1 > t->size) {
    t->size = 2 * (t->len + n + 1);
    t->s = must (realloc (t->s, t->size));
  }
  memcpy (t->s + t->len, s, n + 1);
  t->len += n;
  free (s);
}

static void
add_string (struct text *t, const char *s)
{
  add (t, "\"");
  for (; *s; s++) {
    unsigned char c = (unsigned char) *s;
    if (c == '"' || c == '\\')
      add (t, "\\%c", c);
    else if (c == '\n')
      add (t, "\\n");
    else if (c < 0x20 || c >= 0x7f)
      add (t, "\\x%02x", c);
    else
      add (t, "%c", c);
  }
  add (t, "\"");
}

static void
add_errno (struct text *t, int e)
{
  if (e == 0)
    add (t, "0");
  else if (e == ENOTSUP)
    add (t, "ENOTSUP"); /* it has two names on Linux */
  else if (strerrorname_np (e))
    add (t, "%s", strerrorname_np (e));
  else
    add (t, "%d", e);
}

/* How many equal bytes are written as a run. */
#define SHORTEST_RUN 8

static void
add_data (struct text *t, const void *data, size_t count)
{
  const unsigned char *p = data;
  size_t i, j, plain = 0;
  bool first = true;

  if (count == 0)
    add (t, "00*0");
  for (i = 0; i <= count; i = j) {
    for (j = i; j < count && p[j] == p[i]; j++)
      ;
    if (i < count && j - i < SHORTEST_RUN)
      continue;
    if (plain < i && !first)
      add (t, "+");
    for (; plain < i; plain++) {
      add (t, "%02x", p[plain]);
      first = false;
    }
    if (i == count)
      break;
    add (t, "%s%02x*%zu", first ? "" : "+", p[i], j - i);
    first = false;
    plain = j;
  }
}

/* What is wrong with the line. */
static char problem[256];

static void
wrong (const char *format, const char *word)
{
  if (problem[0] == 0)
    snprintf (problem, sizeof problem, format, word ? word : "(nothing)");
}

/* The words of the line that nobody has taken. */
static char *words[4096];
static size_t nr_words, next_word;

static char *
take (void)
{
  return next_word < nr_words ? words[next_word++] : NULL;
}

static void
split (char *line)
{
  static struct text copy; /* every word with a NUL behind it */
  size_t starts[4096];
  size_t i;
  char *p = line;

  nr_words = next_word = copy.len = 0;
  while (*p && nr_words < 4096) {
    char *end = p;
    if (*p == ' ') {
      p++;
      continue;
    }
    if (*p == '[' || *p == ']')
      end = p + 1;
    else if (*p == '"') {
      for (end = p + 1; *end && *end != '"'; end++)
        if (*end == '\\' && end[1])
          end++;
      if (*end)
        end++;
    } else
      end = p + strcspn (p, " []\"");
    starts[nr_words++] = copy.len;
    add (&copy, "%.*s", (int) (end - p), p);
    copy.len++; /* keep the NUL */
    p = end;
  }
  for (i = 0; i < nr_words; i++)
    words[i] = copy.s + starts[i];
}

bool
stops (void)
{
  if (next_word < nr_words)
    wrong ("more arguments than parameters: %s", words[next_word]);
  return problem[0] != 0;
}

bool
arg_bool (void)
{
  char *w = take ();
  if (w == NULL || (strcmp (w, "true") != 0 && strcmp (w, "false") != 0))
    wrong ("expected true or false, not %s", w);
  return w && strcmp (w, "true") == 0;
}

static const struct constant *
constant (const char *name, size_t len)
{
  const struct constant *c;
  for (c = constants; c->name; c++)
    if (strlen (c->name) == len && memcmp (c->name, name, len) == 0)
      return c;
  return NULL;
}

static uint64_t
number (const char *w)
{
  char *end;
  uint64_t sum;
  const struct constant *c;
  size_t n;

  errno = 0;
  sum = *w == '-' ? (uint64_t) strtoll (w, &end, 0) : strtoull (w, &end, 0);
  if (end != w && errno == 0) {
    switch (*end) {
    case 'K': return sum << 10;
    case 'M': return sum << 20;
    case 'G': return sum << 30;
    case 0: return sum;
    }
  }
  for (sum = 0; *w; w += n + (w[n] == '|')) {
    n = strcspn (w, "|");
    c = constant (w, n);
    if (c == NULL || c->string != NULL) {
      wrong ("expected a number, or constants, not %s", w);
      return 0;
    }
    sum |= c->number;
  }
  return sum;
}

uint64_t
arg_number (void)
{
  char *w = take ();
  return w ? number (w) : 0;
}

char *
arg_string (void)
{
  char *w = take (), *r;
  const struct constant *c;
  char *s;

  if (w == NULL) {
    wrong ("a string is missing: %s", w);
    return NULL;
  }
  if (strcmp (w, "NULL") == 0)
    return NULL;
  if ((c = constant (w, strlen (w))) != NULL && c->string)
    return must (strdup (c->string));
  s = must (strdup (w));
  if (*w != '"')
    return s;
  for (r = s, w++; *w && *w != '"'; w++) {
    if (*w != '\\') {
      *r++ = *w;
      continue;
    }
    w++;
    if (*w == 'n')
      *r++ = '\n';
    else if (*w == 'x') {
      char digits[3] = { w[1], w[1] ? w[2] : 0, 0 };
      *r++ = (char) strtol (digits, NULL, 16);
      w += 2;
    } else
      *r++ = *w;
  }
  *r = 0;
  return s;
}

char **
arg_strings (void)
{
  char *w = take ();
  char **list = must (malloc ((nr_words + 1) * sizeof *list));
  size_t n = 0;

  if (w && strcmp (w, "NULL") == 0) {
    free (list);
    return NULL;
  }
  if (w == NULL || strcmp (w, "[") != 0)
    wrong ("expected a list in brackets, not %s", w);
  while (next_word < nr_words && strcmp (words[next_word], "]") != 0)
    list[n++] = arg_string ();
  list[n] = NULL;
  if (take () == NULL)
    wrong ("the list is not closed: %s", NULL);
  return list;
}

void *
arg_buffer (size_t *count)
{
  char *w = take ();
  void *p;

  *count = 0;
  if (w && strcmp (w, "NULL") == 0)
    return NULL;
  if (w == NULL)
    wrong ("the length of a buffer is missing: %s", w);
  else
    *count = number (w);
  p = must (malloc (*count + 1));
  return memset (p, 0xbd, *count);
}

void *
arg_data (size_t *count)
{
  char *w = take ();
  struct text t = { 0 };

  *count = 0;
  if (w && strcmp (w, "NULL") == 0)
    return NULL;
  add (&t, "");
  while (w && *w) {
    size_t n, i, from = t.len;
    unsigned byte;
    for (; isxdigit ((unsigned char) w[0]) && isxdigit ((unsigned char) w[1]); w += 2) {
      sscanf (w, "%2x", &byte);
      add (&t, "%c", 'x'); /* makes room */
      t.s[t.len - 1] = (char) byte;
    }
    if (*w == '*') {
      n = strtoull (w + 1, &w, 0);
      switch (*w) {
      case 'K': n <<= 10; w++; break;
      case 'M': n <<= 20; w++; break;
      }
      byte = from < t.len ? (unsigned char) t.s[from] : 0;
      t.len = from;
      t.s = must (realloc (t.s, t.len + n + 1));
      t.size = t.len + n + 1;
      for (i = 0; i < n; i++)
        t.s[t.len++] = (char) byte;
    }
    if (*w == '+')
      w++;
    else if (*w) {
      wrong ("expected data, not %s", w);
      break;
    }
  }
  *count = t.len;
  return t.s;
}

struct sockaddr *
arg_address (socklen_t *len)
{
  static struct sockaddr_storage storage;
  char *w = arg_string (), *port;

  memset (&storage, 0, sizeof storage);
  *len = 0;
  if (w == NULL)
    return NULL;
  if (strncmp (w, "unix:", 5) == 0) {
    struct sockaddr_un *a = (struct sockaddr_un *) &storage;
    a->sun_family = AF_UNIX;
    strncpy (a->sun_path, w + 5, sizeof a->sun_path - 1);
    *len = sizeof *a;
  } else if (strncmp (w, "tcp:", 4) == 0 && (port = strrchr (w, ':'))) {
    struct sockaddr_in *a = (struct sockaddr_in *) &storage;
    *port = 0;
    a->sin_family = AF_INET;
    a->sin_port = htons ((uint16_t) atoi (port + 1));
    if (inet_pton (AF_INET, w + 4, &a->sin_addr) != 1)
      wrong ("not an IPv4 address: %s", w + 4);
    *len = sizeof *a;
  } else if (strncmp (w, "family:", 7) == 0) {
    storage.ss_family = (sa_family_t) atoi (w + 7);
    *len = sizeof (struct sockaddr);
  } else
    wrong ("not an address: %s", w);
  free (w);
  return (struct sockaddr *) &storage;
}

/* The log of callbacks. */
static struct text events;

static void
event (void)
{
  if (events.len > 0)
    add (&events, "; ");
}

/* What a callback is to do. */
struct behaviour {
  char *name;
  int ret;
  bool stores;
  int error;
};

static struct behaviour *
arg_behaviour (void)
{
  char *w = take (), *does, *error;
  struct behaviour *b;

  if (w == NULL || strcmp (w, "-") == 0)
    return NULL;
  b = must (calloc (1, sizeof *b));
  b->name = must (strdup (w));
  does = strchr (b->name, '=');
  if (does) {
    *does++ = 0;
    b->ret = atoi (does);
    error = strchr (does, '/');
    if (error) {
      int e;
      error++;
      b->stores = true;
      for (e = 1; e < 200; e++)
        if (strerrorname_np (e) && strcmp (strerrorname_np (e), error) == 0)
          b->error = e;
      if (b->error == 0 && strcmp (error, "0") != 0)
        wrong ("no errno %s", error);
    }
  }
  return b;
}

static void
free_behaviour (void *p)
{
  struct behaviour *b = p;
  event ();
  add (&events, "free %s", b->name);
  free (b->name);
  free (b);
}

static int
ends (struct behaviour *b, int *error)
{
  add (&events, " ");
  add_errno (&events, *error);
  if (b->stores)
    *error = b->error;
  return b->ret;
}

static int
on_completion (void *p, int *error)
{
  struct behaviour *b = p;
  event ();
  add (&events, "%s", b->name);
  return ends (b, error);
}

static int
on_chunk (void *p, const void *subbuf, size_t count, uint64_t offset, unsigned status, int *error)
{
  struct behaviour *b = p;
  event ();
  add (&events, "%s %u %llu ", b->name, status, (unsigned long long) offset);
  add_data (&events, subbuf, count);
  return ends (b, error);
}

static void
extents (struct behaviour *b, const char *context, uint64_t offset)
{
  event ();
  add (&events, "%s ", b->name);
  add_string (&events, context);
  add (&events, " %llu ", (unsigned long long) offset);
}

static int
on_extent (void *p, const char *context, uint64_t offset, uint32_t *entries, size_t n, int *error)
{
  size_t i;
  extents (p, context, offset);
  for (i = 0; i + 1 < n; i += 2)
    add (&events, "[%u %u]", entries[i], entries[i + 1]);
  return ends (p, error);
}

static int
on_extent64 (void *p, const char *context, uint64_t offset, nbd_extent *entries, size_t n, int *error)
{
  size_t i;
  extents (p, context, offset);
  for (i = 0; i < n; i++)
    add (&events, "[%llu %llu]", (unsigned long long) entries[i].length, (unsigned long long) entries[i].flags);
  return ends (p, error);
}

static int
strings (struct behaviour *b, const char *s1, const char *s2)
{
  event ();
  add (&events, "%s ", b->name);
  add_string (&events, s1 ? s1 : "");
  if (s2) {
    add (&events, " ");
    add_string (&events, s2);
  }
  return b->ret;
}

static int
on_list (void *p, const char *name, const char *description)
{
  return strings (p, name, description);
}

static int
on_context (void *p, const char *name)
{
  return strings (p, name, NULL);
}

static int
on_debug (void *p, const char *context, const char *msg)
{
  return strings (p, context, msg);
}

#define CALLBACK(kind)                                                         \
  nbd_##kind##_callback                                                        \
  arg_##kind (void)                                                            \
  {                                                                            \
    struct behaviour *b = arg_behaviour ();                                    \
    if (b == NULL)                                                             \
      return (nbd_##kind##_callback) { .callback = NULL };                     \
    /* A name that begins with a tilde is a callback that is only freed. */    \
    return (nbd_##kind##_callback) {                                           \
      .callback = b->name[0] == '~' ? NULL : on_##kind,                        \
      .user_data = b,                                                          \
      .free = free_behaviour,                                                  \
    };                                                                         \
  }

CALLBACK (chunk)
CALLBACK (completion)
CALLBACK (debug)
CALLBACK (extent)
CALLBACK (extent64)
CALLBACK (list)
CALLBACK (context)

static void
print (struct text *t)
{
  puts (t->s);
  free (t->s);
}

void
out_ok (void)
{
  puts ("ok");
}

void
out_error (void)
{
  struct text t = { 0 };
  const char *s = nbd_get_error (), *p;

  add (&t, "error ");
  add_errno (&t, nbd_get_errno ());
  add (&t, " ");
  for (p = s ? s : "(NULL)"; *p; p++)
    add (&t, "%c", *p == '\n' ? ' ' : *p);
  print (&t);
}

void
out_bool (bool b)
{
  puts (b ? "true" : "false");
}

void
out_int (int64_t i)
{
  printf ("%lld\n", (long long) i);
}

void
out_uint (uint64_t u)
{
  printf ("%llu\n", (unsigned long long) u);
}

void
out_string (const char *s)
{
  struct text t = { 0 };
  if (s == NULL)
    add (&t, "NULL");
  else
    add_string (&t, s);
  print (&t);
}

void
out_errno (int e)
{
  struct text t = { 0 };
  add_errno (&t, e);
  print (&t);
}

void
out_data (const void *data, size_t count)
{
  struct text t = { 0 };
  add_data (&t, data, count);
  print (&t);
}

/* The handles, by name. */
static struct {
  char name[16];
  struct nbd_handle *h;
} handles[16];

/* The buffers of commands. They stay until the end. */
static struct buffer {
  struct nbd_handle *h;
  int64_t cookie;
  void *buf;
  size_t count;
  struct buffer *next;
} *buffers;

static void *last;
static size_t last_count;

void
keep_last (void *buf, size_t count)
{
  free (last);
  last = buf;
  last_count = count;
}

void
keep_buffer (int64_t cookie, void *buf, size_t count)
{
  struct buffer *b = must (malloc (sizeof *b));
  *b = (struct buffer) { h, cookie, buf, count, buffers };
  buffers = b;
}

static void
data (void)
{
  char *w = take ();
  struct buffer *b;

  if (w == NULL) {
    out_data (last, last_count);
    return;
  }
  for (b = buffers; b; b = b->next)
    if (b->h == h && b->cookie == (int64_t) number (w)) {
      out_data (b->buf, b->count);
      return;
    }
  wrong ("no buffer of cookie %s", w);
}

/* Makes the file descriptors that scripts ask for. */
static void
descriptor (const char *verb)
{
  int fds[2];

  if (strcmp (verb, "socket") == 0) {
    socklen_t len = sizeof (struct sockaddr_un);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char *path = arg_string ();
    if (path)
      strncpy (a.sun_path, path, sizeof a.sun_path - 1);
    free (path);
    fds[0] = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fds[0] == -1 || connect (fds[0], (struct sockaddr *) &a, len) == -1)
      wrong ("socket: %s", strerror (errno));
  } else if (pipe2 (fds, O_CLOEXEC) == -1)
    wrong ("pipe: %s", strerror (errno));
  else if (strcmp (verb, "pipe") == 0 && write (fds[1], "x", 1) != 1)
    wrong ("write: %s", strerror (errno));
  if (!stops ())
    printf ("%d\n", fds[0]);
}

static void
line (void)
{
  char *name = take (), *verb = name ? strchr (name, '.') : NULL;
  const struct call *c;
  size_t i, slot = 16;

  if (verb == NULL) {
    wrong ("expected a handle and a call, not %s", name);
    return;
  }
  *verb++ = 0;
  for (i = 0; i < 16; i++) {
    if (strcmp (handles[i].name, name) == 0) {
      slot = i;
      break;
    }
    if (slot == 16 && handles[i].name[0] == 0)
      slot = i;
  }
  if (slot == 16 || strlen (name) >= sizeof handles[0].name) {
    wrong ("no room for handle %s", name);
    return;
  }
  h = handles[slot].h;
  if (strcmp (verb, "create") == 0) {
    h = nbd_create ();
    if (h == NULL) {
      out_error ();
      return;
    }
    strcpy (handles[slot].name, name);
    handles[slot].h = h;
    out_ok ();
  } else if (strcmp (verb, "close") == 0) {
    nbd_close (h);
    handles[slot].h = NULL;
    handles[slot].name[0] = 0;
    out_ok ();
  } else if (strcmp (verb, "log") == 0) {
    puts (events.len > 0 ? events.s : "nothing");
    events.len = 0;
  } else if (strcmp (verb, "data") == 0)
    data ();
  else if (strcmp (verb, "socket") == 0 || strcmp (verb, "pipe") == 0 || strcmp (verb, "idle") == 0)
    descriptor (verb);
  else {
    for (c = calls; c->name; c++)
      if (strcmp (c->name, verb) == 0) {
        c->make ();
        return;
      }
    wrong ("no call %s", verb);
  }
}

int
main (void)
{
  char *text = NULL;
  size_t size = 0, i;
  ssize_t n;

  setvbuf (stdout, NULL, _IOLBF, 0);
  while ((n = getline (&text, &size, stdin)) > 0) {
    if (text[n - 1] == '\n')
      text[n - 1] = 0;
    problem[0] = 0;
    split (text);
    line ();
    if (problem[0])
      printf ("driver: %s\n", problem);
  }
  for (i = 0; i < 16; i++)
    if (handles[i].name[0])
      nbd_close (handles[i].h);
  return 0;
}
