package dev.tern.cache;

/** Where a {@link SequenceCache} writes what a step needs to know: the rows of its new tokens, then the segments of its keys. */
public interface RowTable {
  /**
   * One new token. It sees key j if j &lt; sinkEnd, or lo &lt;= j &lt;= hi.
   *
   * @param slot where its key and value go
   * @param ropePos position its key is rotated at
   * @param windowQPos position its query is rotated at for keys of the window (rotation 0)
   * @param sinkQPos the same for sinks (rotation 1); of no meaning if the policy has none
   */
  void row(int slot, long ropePos, long windowQPos, long sinkQPos, long sinkEnd, long lo, long hi);

  /** A run of keys: index, index + 1, ... in slot, slot + 1, ... Runs come in ascending order of index. */
  void segment(int slot, int len, long index, int rotation);
}
