package dev.tern.jinja;

import dev.tern.jinja.Env.Expression;
import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Function;
import dev.tern.jinja.Values.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A call, which {% call %} gives one more argument. */
record Call(Expression function, Arguments arguments) implements Expression {
  @Override
  public Object eval(Env env) {
    return call(env, arguments.eval(env));
  }

  Object call(Env env, Args args) {
    Object value = env.eval(function);
    if (value instanceof Function f) {
      return f.call(env, args);
    } else if (value instanceof Undefined u) {
      throw u.error();
    }
    throw Values.error("a value of type " + Values.typeName(value) + " cannot be called");
  }

  /** Arguments as they are written; "*" and "**" stand for those that are spread. */
  record Arguments(List<Expression> positional, Map<String, Expression> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    Args eval(Env env) {
      List<Object> values = new ArrayList<>();
      positional.forEach(e -> values.add(env.eval(e)));
      Map<String, Object> byName = new LinkedHashMap<>();
      named.forEach((name, e) -> {
        Object value = env.eval(e);
        if (name.equals("*")) {
          values.addAll(Values.elements(env, value));
        } else if (name.equals("**") && value instanceof Dict d) {
          d.map().forEach((k, v) -> byName.put(String.valueOf(k.value()), v));
        } else {
          byName.put(name, value);
        }
      });
      env.budget.elements(values.size() + byName.size());
      return new Args(values, byName);
    }
  }
}
