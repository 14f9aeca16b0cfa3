package dev.tern.jinja;

import dev.tern.jinja.Values.Undefined;
import java.util.HashMap;
import java.util.Map;

/** The state of one rendering: its budget, the names in scope, the text written so far. */
final class Env {
  /** An expression, ready to be evaluated. */
  @FunctionalInterface
  interface Expression {
    Object eval(Env env);
  }

  /** A statement, ready to be run. */
  @FunctionalInterface
  interface Statement {
    void run(Env env);
  }

  /** How a loop's body was left. */
  enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  /** Names and their values. */
  static final class Scope {
    private final Scope outer;
    private final Map<String, Object> names = new HashMap<>();

    Scope(Scope outer) {
      this.outer = outer;
    }
  }

  final Budget budget;
  private Scope scope;
  private Text.Builder out;
  Flow flow = Flow.ON;

  Env(Budget budget, Map<String, Object> globals) {
    this.budget = budget;
    scope = new Scope(null);
    scope.names.putAll(globals);
    scope = new Scope(scope);
    out = new Text.Builder(budget);
  }

  Object eval(Expression expression) {
    budget.step();
    budget.enter();
    Object value = expression.eval(this);
    budget.leave();
    return value;
  }

  boolean test(Expression expression) {
    return Values.truth(eval(expression));
  }

  void run(Statement statement) {
    budget.step();
    budget.enter();
    statement.run(this);
    budget.leave();
  }

  void write(Text text) {
    out.append(text);
  }

  Text written() {
    return out.build();
  }

  Scope scope() {
    return scope;
  }

  Object lookup(String name) {
    for (Scope s = scope; s != null; s = s.outer) {
      Object value = s.names.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Undefined(name);
  }

  void set(String name, Object value) {
    budget.bytes(64);
    scope.names.put(name, value);
  }

  /** Runs a statement in a scope inside of another, and takes what it writes. */
  Text capture(Scope outer, Statement body, Map<String, Object> names) {
    Scope before = scope;
    Text.Builder outBefore = out;
    budget.bytes(128);
    out = new Text.Builder(budget);
    scope = new Scope(outer);
    names.forEach(this::set);
    run(body);
    Text written = out.build();
    scope = before;
    out = outBefore;
    return written;
  }

  /** Runs a statement in a scope of its own. */
  void within(Map<String, Object> names, Statement body) {
    Scope before = scope;
    budget.bytes(64);
    scope = new Scope(scope);
    names.forEach(this::set);
    run(body);
    scope = before;
  }
}
