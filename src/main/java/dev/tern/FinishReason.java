package dev.tern;

/** Why a generation ended. */
public enum FinishReason {
  /** The model's end token, a stop token, or a stop string. */
  STOP,
  /** As many tokens as {@link Sampling#maxTokens()} allows. */
  LENGTH,
  /** A dense cache is full; a rolling cache never is. */
  CONTEXT_FULL,
  /** Cancelled or closed before it ended by itself. */
  CANCELLED,
  /** Failed; {@link Generation#future()} and the iterator throw the cause. */
  ERROR
}
