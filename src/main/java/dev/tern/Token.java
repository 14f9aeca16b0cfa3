package dev.tern;

/**
 * One generated token. Texts of a generation, joined, are the text of the result: a character whose bytes are spread over several
 * tokens comes whole with the last of them, and the tokens before it have the text "".
 *
 * @param id in the model's vocabulary
 * @param text what this token adds to the text, possibly ""
 * @param logprob natural logarithm of the probability that the model gave the token, before temperature, top-k and the rest
 */
public record Token(int id, String text, float logprob) {}
