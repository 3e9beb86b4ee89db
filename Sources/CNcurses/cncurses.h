// ncurses(3X) with wide characters, and what of it are macros. Linked statically.
#ifndef CNCURSES_H
#define CNCURSES_H
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <ncursesw/curses.h>
#include <stdio.h>
#include <wchar.h>

// The headers show it under _XOPEN_SOURCE only.
extern int wcwidth(wchar_t c);

static inline WINDOW *cncurses_screen(void) { return stdscr; }
// C's own streams are variables that Swift can't know to be safe.
static inline SCREEN *cncurses_newterm(const char *type) { return newterm(type, stdout, stdin); }
static inline int cncurses_flush(void) { return fflush(stdout); }
static inline int cncurses_lines(void) { return LINES; }
static inline int cncurses_columns(void) { return COLS; }
static inline int cncurses_pairs(void) { return COLOR_PAIRS; }
static inline int cncurses_colors(void) { return COLORS; }
static inline mmask_t cncurses_all_events(void) { return ALL_MOUSE_EVENTS; }
#endif
