package dev.tern.format;

import java.util.Arrays;

/**
 * The merge loop that both tokenizers share: neighbouring symbols are joined, best pair first and leftmost among equals, until no pair is
 * left. A linked list and a heap of candidates: n log n for a word of n symbols. For one thread; its arrays grow to the longest word.
 */
abstract class Merger {
  int[] begin = new int[0]; // of each symbol in the word's bytes
  int[] id = new int[0]; // token of each symbol, or -1
  private int[] next = new int[0];
  private int[] prev = new int[0];
  private int[] merged = new int[0]; // token of the symbol and its next one joined, or -1
  private int[] order = new int[0]; // of that pair: smaller is sooner
  private long[] heap = new long[0]; // order << 32 | symbol; may hold pairs that are gone
  private int heapSize;
  private int length; // bytes of the word

  /** The token that two neighbours make, or -1; otherwise sets {@link #pairOrder}. */
  abstract int join(int left, int right);

  int pairOrder;

  /** Makes room for n symbols, which the caller then describes in begin and id. */
  final void reserve(int n) {
    if (begin.length < n) {
      int room = Math.max(n, (int) Math.min(begin.length * 2L, Integer.MAX_VALUE - 8));
      begin = new int[room];
      id = new int[room];
      next = new int[room];
      prev = new int[room];
      merged = new int[room];
      order = new int[room];
    }
  }

  /** Joins the first n symbols of a word of length bytes. Symbols that remain are found by {@link #next} from symbol 0 on. */
  final void run(int n, int length) {
    this.length = length;
    heapSize = 0;
    for (int i = 0; i < n; i++) {
      prev[i] = i - 1;
      next[i] = i + 1 < n ? i + 1 : -1;
    }
    for (int i = 0; i < n; i++) {
      consider(i);
    }
    while (heapSize > 0) {
      long top = pop();
      int left = (int) top;
      if (merged[left] < 0 || order[left] != (int) (top >> 32)) {
        continue; // the pair is gone
      }
      int right = next[left];
      id[left] = merged[left];
      merged[right] = -1;
      next[left] = next[right];
      if (next[left] >= 0) {
        prev[next[left]] = left;
      }
      consider(left);
      if (prev[left] >= 0) {
        consider(prev[left]);
      }
    }
  }

  /** The symbol after this one, or -1. */
  final int next(int symbol) {
    return next[symbol];
  }

  /** End of a symbol in the word's bytes. */
  final int end(int symbol) {
    return next[symbol] < 0 ? length : begin[next[symbol]];
  }

  private void consider(int left) {
    merged[left] = next[left] < 0 ? -1 : join(left, next[left]);
    if (merged[left] >= 0) {
      order[left] = pairOrder;
      push((long) pairOrder << 32 | left);
    }
  }

  private void push(long key) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, Math.max(64, heapSize * 2));
    }
    int at = heapSize++;
    while (at > 0 && heap[(at - 1) >> 1] > key) {
      heap[at] = heap[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    heap[at] = key;
  }

  private long pop() {
    long top = heap[0];
    long key = heap[--heapSize];
    int at = 0;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= key) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = key;
    return top;
  }
}
