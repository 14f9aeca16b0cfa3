package dev.tern;

/**
 * What a generation has used.
 *
 * @param promptTokens tokens fed before the first was generated: the prompt, BOS if one was added, and the stream's last token if it
 *     was generated but not yet fed
 * @param generatedTokens tokens generated, delivered or not, the stop token included
 */
public record Usage(int promptTokens, long generatedTokens) {}
