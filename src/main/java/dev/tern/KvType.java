package dev.tern;

/** Element type of keys and values in the cache. The CPU keeps F32 and F16, a GPU keeps F16, BF16 and I8. */
public enum KvType {
  /** Four bytes an element. */
  F32,
  /** Two bytes an element: half the memory, results within half precision. */
  F16,
  /** Two bytes an element, of the range of F32 and less precision than F16. */
  BF16,
  /** One byte an element and a scale for each token and head: half the memory of F16. */
  I8
}
