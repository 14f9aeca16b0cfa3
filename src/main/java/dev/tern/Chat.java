package dev.tern;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.Objects;

/**
 * A conversation on a session. Each turn is rendered anew by the template; where the tokens of the session's stream are a beginning of
 * the result, only the rest is fed, so that a conversation costs what its new messages cost. Where they are not (a template that
 * rewrites earlier turns, a reply whose text the tokenizer would split otherwise, other use of the session) the session is reset and
 * all of it is fed again: the model always sees exactly what the template writes.
 *
 * <p>For one thread at a time. The session is the conversation's own as long as it lasts, and is closed by its owner.
 *
 * <pre>{@code
 * Chat chat = session.chat().system("Be brief.");
 * try (Generation reply = chat.send("Hello", model.sampling())) {
 *   for (Token token : reply) System.out.print(token.text());
 * }
 * }</pre>
 */
public final class Chat {
  private final Session session;
  private final ChatTemplate template;
  private final List<ChatMessage> messages = new ArrayList<>();
  private int[] stream; // the session's tokens as far as they are known, or null
  private int[] sent; // tokens up to the reply
  private Generation reply; // not among the messages yet, or null

  Chat(Session session, ChatTemplate template) {
    this.session = session;
    this.template = Objects.requireNonNull(template, "template");
  }

  /**
   * Says something to the model before the conversation. Replaces what was said so before.
   *
   * @throws IllegalStateException if the conversation has begun
   */
  public Chat system(String content) {
    if (reply != null || messages.stream().anyMatch(m -> !m.role().equals("system"))) {
      throw new IllegalStateException("the conversation has begun: reset it first");
    }
    messages.clear();
    messages.add(ChatMessage.system(content));
    return this;
  }

  /**
   * Says something as the user and generates the reply, which is part of the conversation once it has ended, also if it was cancelled.
   * The last reply must have ended.
   *
   * @throws ConcurrentModificationException if it has not
   * @throws ChatTemplateException if the template does not render the conversation; it is as it was then
   * @throws CancelledException if the thread is interrupted while the template renders; the conversation is as it was then
   * @throws ContextFullException if a dense cache cannot hold the conversation; it is as it was then
   * @throws ClosedException if the session or the engine is closed
   */
  public Generation send(String user, Sampling sampling) {
    return send(ChatMessage.user(user), sampling);
  }

  /** {@link #send(String, Sampling)} with a message of any role. */
  public Generation send(ChatMessage message, Sampling sampling) {
    Objects.requireNonNull(message, "message");
    takeReply();
    List<ChatMessage> next = new ArrayList<>(messages);
    next.add(message);
    int[] tokens = template.encode(next, true);
    int known = stream == null ? 0 : stream.length;
    boolean goesOn = known > 0 && known == session.length() && known < tokens.length && Arrays.equals(stream, 0, known, tokens, 0, known);
    if (!goesOn && session.length() > 0) {
      session.reset();
    }
    stream = null;
    Generation generation = session.generate(goesOn ? Arrays.copyOfRange(tokens, known, tokens.length) : tokens, sampling);
    messages.add(message);
    sent = tokens;
    reply = generation;
    return generation;
  }

  /** Makes the last reply, which must have ended, part of the conversation. */
  private void takeReply() {
    if (reply == null) {
      return;
    }
    if (reply.isRunning()) {
      throw new ConcurrentModificationException("the last reply is still generated: read it to its end, or close it");
    }
    GenerationResult result;
    try {
      result = reply.result();
    } catch (TernException e) { // it has failed, and whoever read it knows
      result = null;
    }
    reply = null;
    if (result == null || result.usage().generatedTokens() == 0) {
      messages.remove(messages.size() - 1); // it was not answered
      return;
    }
    messages.add(ChatMessage.assistant(result.text()));
    int[] ids = result.ids();
    long length = session.length();
    if (ids.length == result.usage().generatedTokens() && length == (long) sent.length + ids.length) {
      stream = Arrays.copyOf(sent, (int) length);
      System.arraycopy(ids, 0, stream, sent.length, ids.length);
    }
  }

  /**
   * The conversation so far: a copy. A message that was not answered, because its generation failed or was cancelled before the first
   * token, is not in it.
   *
   * @throws ConcurrentModificationException if a reply is still generated
   */
  public List<ChatMessage> messages() {
    takeReply();
    return List.copyOf(messages);
  }

  /** Forgets the conversation but for what {@link #system} said, cancelling a reply that is generated. */
  public void reset() {
    if (reply != null) {
      reply.close();
      reply = null;
    }
    messages.removeIf(m -> !m.role().equals("system"));
    stream = null;
    session.reset();
  }

  public Session session() {
    return session;
  }
}
