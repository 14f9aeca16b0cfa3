package dev.tern;

import dev.tern.format.Tokenizer;
import dev.tern.jinja.Template;
import dev.tern.jinja.Text;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How a model wants a conversation written, as text and as tokens: a template in the language of Jinja with the meaning that Hugging
 * Face gives it. Templates come out of model files and are not trusted: they compute with the messages and nothing else, and are held to
 * a budget of steps, memory and depth. Immutable and thread-safe.
 *
 * <p>Control tokens count where the template itself spells them, and not in messages: a user who writes {@code <|eot_id|>} has written
 * ten characters. No begin-of-text token is added to those that the template writes.
 *
 * @see Model#chatTemplate()
 */
public final class ChatTemplate {
  private final Template template;
  private final Tokenizer tokenizer;
  private final Map<String, Object> variables;

  private ChatTemplate(Template template, Tokenizer tokenizer, Map<String, Object> variables) {
    this.template = template;
    this.tokenizer = tokenizer;
    this.variables = Collections.unmodifiableMap(variables);
  }

  /**
   * A template of one's own for a model's tokens.
   *
   * @throws ChatTemplateException if it is not of the language, or leaves its limits
   */
  public static ChatTemplate of(String source, Tokenizer tokenizer) {
    Map<String, Object> variables = new HashMap<>();
    variables.put("bos_token", spelling(tokenizer, tokenizer.bosId()));
    variables.put("eos_token", spelling(tokenizer, tokenizer.eosId()));
    variables.put("tools", null);
    variables.put("documents", null);
    return new ChatTemplate(Template.parse(source), tokenizer, variables);
  }

  private static Text spelling(Tokenizer tokenizer, int id) {
    return Text.template(id < 0 ? "" : tokenizer.text(id));
  }

  /**
   * This template with one more variable, such as {@code enable_thinking} or {@code tools}.
   *
   * @param value a text, a number, a boolean, null, or a list or map (with texts as keys) of them; it is not copied
   */
  public ChatTemplate with(String name, Object value) {
    Map<String, Object> more = new HashMap<>(variables);
    more.put(Objects.requireNonNull(name, "name"), value);
    return new ChatTemplate(template, tokenizer, more);
  }

  /**
   * The conversation as text.
   *
   * @param addGenerationPrompt whether the model is to speak next
   * @throws ChatTemplateException if the template refuses the messages, fails, or exceeds its budget
   * @throws CancelledException if the thread is interrupted while there is more than a little to do; the flag stays set
   * @throws IllegalArgumentException if {@link #with} was given a value of another kind
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return text(messages, addGenerationPrompt).toString();
  }

  /** The conversation as tokens: those of {@link #render}. */
  public int[] encode(List<ChatMessage> messages, boolean addGenerationPrompt) {
    Text text = text(messages, addGenerationPrompt);
    return tokenizer.encode(text.toString(), false, text::ownEnd);
  }

  private Text text(List<ChatMessage> messages, boolean addGenerationPrompt) {
    Map<String, Object> values = new HashMap<>(variables);
    values.put("messages", messages.stream().map(ChatMessage::values).toList());
    values.put("add_generation_prompt", addGenerationPrompt);
    return template.render(values);
  }
}
