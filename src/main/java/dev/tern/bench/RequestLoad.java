package dev.tern.bench;

/**
 * Requests to serve: each a prompt and the tokens that answer it. So many are under way at any time; when one ends the next begins (a closed
 * loop), so that prompts are fed in the steps in which other streams generate.
 *
 * @param nPrompt tokens of a prompt
 * @param nGen tokens of an answer
 * @param concurrency streams at once
 * @param maxRequests served in all
 * @param seconds after which none begins, once each stream has served one
 */
public record RequestLoad(int nPrompt, int nGen, int concurrency, int maxRequests, double seconds) {
  public RequestLoad {
    if (nPrompt < 1 || nGen < 1 || concurrency < 1 || maxRequests < 1 || !(seconds > 0)) {
      throw new IllegalArgumentException("no requests: pp" + nPrompt + "+tg" + nGen + ", " + concurrency + " at once, " + maxRequests + " in all");
    }
  }

  /** "pp128+tg64, 4 at once". */
  public String name() {
    return SpeedTest.mixed(nPrompt, nGen).name() + ", " + concurrency + " at once";
  }
}
