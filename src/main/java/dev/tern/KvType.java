package dev.tern;

/** Element type of keys and values in the cache. */
public enum KvType {
  /** Four bytes an element. */
  F32,
  /** Two bytes an element: half the memory, results within half precision. */
  F16
}
