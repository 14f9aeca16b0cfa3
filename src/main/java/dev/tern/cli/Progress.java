package dev.tern.cli;

import java.util.Locale;

/** How far a long task has come, on standard error: a bar that redraws itself on a terminal, else a line for every tenth. */
final class Progress {
  private static final int WIDTH = 30;
  private static final long REDRAW_NANOS = 100_000_000;

  private final Streams io;
  private final String what;
  private long nextDraw;
  private long nextTenth = 1;
  private boolean drawn;

  Progress(Streams io, String what) {
    this.io = io;
    this.what = what;
  }

  /** @param note shown after the bar, possibly "" */
  void at(long done, long total, String note) {
    if (total <= 0) {
      return;
    }
    if (io.errIsTerminal()) {
      long now = System.nanoTime();
      if (drawn && now - nextDraw < 0 && done < total) {
        return;
      }
      nextDraw = now + REDRAW_NANOS;
      drawn = true;
      int filled = (int) (WIDTH * done / total);
      io.err().print(String.format(Locale.ROOT, "\r%s [%s%s] %3d%% %s\u001b[K", what, "#".repeat(filled), " ".repeat(WIDTH - filled),
          100 * done / total, note));
      io.err().flush();
    } else if (10 * done >= nextTenth * total) {
      nextTenth = 10 * done / total + 1;
      io.err().println(String.format(Locale.ROOT, "%s %3d%% %s", what, 100 * done / total, note).stripTrailing());
    }
  }

  /** Takes the bar off the terminal, so that what follows stands on a clean line. */
  void clear() {
    if (drawn) {
      io.err().print("\r\u001b[K");
      io.err().flush();
      drawn = false;
    }
  }
}
