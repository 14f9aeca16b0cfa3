package dev.tern;

/**
 * Counters of an engine since it was built, as of its last step.
 *
 * @param steps forward passes
 * @param stepNanos wall time spent in them
 * @param promptRows rows fed of prompts and of scored text
 * @param decodedTokens tokens generated
 * @param cancelled generations that were cancelled
 * @param failed generations that failed
 * @param sessions sessions open now
 * @param running generations that are running or waiting now
 * @param usedPages KV pages in use now, of 64 tokens each
 * @param totalPages KV pages in the arena
 */
public record EngineStats(
    long steps, long stepNanos, long promptRows, long decodedTokens, long cancelled, long failed, int sessions, int running,
    int usedPages, int totalPages) {}
