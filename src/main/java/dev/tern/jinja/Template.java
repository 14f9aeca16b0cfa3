package dev.tern.jinja;

import dev.tern.jinja.Env.Statement;
import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Function;
import dev.tern.jinja.Values.Given;
import dev.tern.jinja.Values.Namespace;
import dev.tern.jinja.Values.Seq;
import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A chat template in the language of Jinja, as Hugging Face sets it up: trimmed blocks, loop controls, {@code raise_exception} and a
 * plain {@code tojson}. It computes with values of its own only, reads nothing but what it is given, and is held to a budget of steps,
 * memory and depth, so that it may come out of any file. Immutable and thread-safe.
 */
public final class Template {
  private static final int MAX_RANGE = 100_000;

  private final Statement body;

  private Template(Statement body) {
    this.body = body;
  }

  /**
   * Reads a template.
   *
   * @throws ChatTemplateException if it is not of the language, or too long or deep
   */
  public static Template parse(String source) {
    return new Template(Parser.parse(source));
  }

  /**
   * Renders it.
   *
   * @param given names and their values: texts, {@link Text}, numbers, booleans, lists, maps with texts as keys, null for none
   * @throws ChatTemplateException if the template fails, refuses the values, or exceeds its budget
   * @throws dev.tern.CancelledException if the thread is interrupted and there is more than a little to do; the flag stays set
   * @throws IllegalArgumentException for a value of another kind
   */
  public Text render(Map<String, ?> given) {
    return render(given, Map.of());
  }

  /** {@link #render(Map)} with functions besides. */
  Text render(Map<String, ?> given, Map<String, Function> functions) {
    Given values = new Given();
    Map<String, Object> globals = new HashMap<>(FUNCTIONS);
    globals.putAll(functions);
    given.forEach((name, value) -> globals.put(name, values.value(value)));
    Env env = new Env(new Budget(values.chars()), globals);
    env.run(body);
    return env.written();
  }

  private static final Map<String, Function> FUNCTIONS =
      Map.of(
          "raise_exception", Template::refuse,
          "range", Template::range,
          "dict", Members::dict,
          "namespace", Template::namespace,
          "strftime_now", Clock::format);

  private static Object refuse(Env env, Args args) {
    Text message = Printer.text(env, args.need(0, "message"));
    throw new ChatTemplateException(Reason.REFUSED, "the chat template refuses these messages: " + message);
  }

  private static Object range(Env env, Args args) {
    long a = Operators.integer(args.need(0, "start"), "an argument of range()");
    boolean two = args.positional().size() > 1;
    long start = two ? a : 0;
    long end = two ? Operators.integer(args.positional().get(1), "an argument of range()") : a;
    long step = args.integer(2, "step", 1);
    if (step == 0) {
      throw Values.error("range() with a step of 0");
    }
    List<Object> numbers = new ArrayList<>();
    for (long i = start; step > 0 ? i < end : i > end; i += step) {
      if (numbers.size() == MAX_RANGE) {
        throw Budget.exceeded("has a range of more than " + MAX_RANGE + " numbers");
      }
      numbers.add(i);
      if (step > 0 ? i > Long.MAX_VALUE - step : i < Long.MIN_VALUE - step) {
        break;
      }
    }
    env.budget.elements(numbers.size());
    return Seq.list(numbers);
  }

  private static Object namespace(Env env, Args args) {
    Namespace namespace = new Namespace();
    Dict from = Members.dict(env, args);
    env.budget.elements(3L * from.map().size());
    from.map().forEach((k, v) -> namespace.map.put(k.value().toString(), v));
    return namespace;
  }
}
