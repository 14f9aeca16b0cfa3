package dev.tern;

import java.util.Map;
import java.util.Objects;

/**
 * One turn of a conversation. Its content is text like any other: what looks like a control token in it is not one.
 *
 * @param role as the model's template knows it: mostly "system", "user" or "assistant"
 */
public record ChatMessage(String role, String content) {
  public ChatMessage {
    Objects.requireNonNull(role, "role");
    Objects.requireNonNull(content, "content");
  }

  /** What the model is told before the conversation. */
  public static ChatMessage system(String content) {
    return new ChatMessage("system", content);
  }

  public static ChatMessage user(String content) {
    return new ChatMessage("user", content);
  }

  /** What the model said. */
  public static ChatMessage assistant(String content) {
    return new ChatMessage("assistant", content);
  }

  Map<String, String> values() {
    return Map.of("role", role, "content", content);
  }
}
