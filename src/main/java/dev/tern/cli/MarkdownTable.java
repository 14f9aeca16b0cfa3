package dev.tern.cli;

import java.util.ArrayList;
import java.util.List;

/** A Markdown table that is a table on a terminal too: the first column to the left, the others to the right. */
final class MarkdownTable {
  private final List<String[]> lines = new ArrayList<>();

  MarkdownTable(String... header) {
    lines.add(header);
  }

  MarkdownTable row(String... cells) {
    if (cells.length != lines.get(0).length) {
      throw new IllegalArgumentException(cells.length + " cells in a table of " + lines.get(0).length + " columns");
    }
    lines.add(cells);
    return this;
  }

  /** Each line ends with a line feed. */
  @Override
  public String toString() {
    int[] width = new int[lines.get(0).length];
    for (String[] line : lines) {
      for (int c = 0; c < width.length; c++) {
        width[c] = Math.max(width[c], line[c].length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      text.append('|');
      for (int c = 0; c < width.length; c++) {
        String pad = " ".repeat(width[c] - lines.get(i)[c].length());
        text.append(' ').append(c == 0 ? lines.get(i)[c] + pad : pad + lines.get(i)[c]).append(" |");
      }
      text.append('\n');
      if (i == 0) {
        text.append('|');
        for (int c = 0; c < width.length; c++) {
          text.append(' ').append("-".repeat(width[c])).append(c == 0 ? " |" : ":|");
        }
        text.append('\n');
      }
    }
    return text.toString();
  }
}
