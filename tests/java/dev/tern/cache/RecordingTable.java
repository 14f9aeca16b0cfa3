package dev.tern.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** What one append wrote, and what it means: which keys each row sees, and at which distance. */
final class RecordingTable implements RowTable {
  record Row(int slot, long ropePos, long windowQPos, long sinkQPos, long sinkEnd, long lo, long hi) {}

  record Segment(int slot, int len, long index, int rotation) {}

  final List<Row> rows = new ArrayList<>();
  final List<Segment> segments = new ArrayList<>();

  @Override
  public void row(int slot, long ropePos, long windowQPos, long sinkQPos, long sinkEnd, long lo, long hi) {
    rows.add(new Row(slot, ropePos, windowQPos, sinkQPos, sinkEnd, lo, hi));
  }

  @Override
  public void segment(int slot, int len, long index, int rotation) {
    segments.add(new Segment(slot, len, index, rotation));
  }

  /** Keys that a row sees, each with the distance of its rotation; a key stands at the position of its index. */
  SortedMap<Long, Long> visible(Row row) {
    SortedMap<Long, Long> keys = new TreeMap<>();
    for (Segment s : segments) {
      for (int t = 0; t < s.len; t++) {
        long j = s.index + t;
        if (j < row.sinkEnd || row.lo <= j && j <= row.hi) {
          keys.put(j, (s.rotation == 0 ? row.windowQPos : row.sinkQPos) - j);
        }
      }
    }
    return keys;
  }
}
