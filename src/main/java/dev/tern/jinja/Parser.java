package dev.tern.jinja;

import dev.tern.jinja.Call.Arguments;
import dev.tern.jinja.Env.Expression;
import dev.tern.jinja.Env.Flow;
import dev.tern.jinja.Env.Statement;
import dev.tern.jinja.Token.Kind;
import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Namespace;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads statements: text, {{ }} and {% %}. */
final class Parser extends ExpressionParser {
  private int loops; // around this place, in this macro

  private Parser(List<Token> tokens) {
    super(tokens);
  }

  static Statement parse(String template) {
    Parser parser = new Parser(Lexer.read(template));
    return parser.block(Set.of()); // which ends with the template
  }

  /** Statements up to a tag of one of these names, which is taken, but not what follows it. */
  private Statement block(Set<String> ends) {
    enter();
    List<Statement> statements = new ArrayList<>();
    while (true) {
      Token token = take();
      if (token.kind() == Kind.END) {
        if (!ends.isEmpty()) {
          throw error("ends where " + String.join(" or ", ends) + " should be");
        }
        break;
      } else if (token.kind() == Kind.DATA) {
        statements.add(env -> env.write(Text.template(token.text())));
      } else if (token.kind() == Kind.PRINT) {
        Expression value = tuple();
        close();
        statements.add(env -> env.write(Printer.text(env, env.eval(value))));
      } else if (ends.contains(peek().text())) {
        break;
      } else {
        statements.add(statement());
      }
    }
    leave();
    return env -> {
      for (Statement s : statements) {
        env.run(s);
        if (env.flow != Flow.ON) {
          return;
        }
      }
    };
  }

  private Statement body(String end) {
    close();
    Statement body = block(Set.of(end));
    expectName(end);
    close();
    return body;
  }

  private Statement statement() {
    String name = name();
    switch (name) {
      case "if":
        return conditional();
      case "for":
        return loop();
      case "set":
        return assignment();
      case "macro":
        return macro();
      case "call":
        return callBlock();
      case "filter":
        return filterBlock();
      case "with":
        return withBlock();
      case "generation": // marks what the model has to learn; it says nothing to the model itself
        Statement body = body("endgeneration");
        return env -> env.within(Map.of(), body);
      case "break", "continue":
        if (loops == 0) {
          throw error("has '" + name + "' outside of a loop");
        }
        close();
        Flow flow = name.equals("break") ? Flow.BREAK : Flow.CONTINUE;
        return env -> env.flow = flow;
      case "include", "import", "from", "extends", "block":
        throw error("has the tag '" + name + "': a chat template reads nothing but itself");
      default:
        throw error("has the tag '" + name + "', which is unknown here");
    }
  }

  private record Branch(Expression condition, Statement body) {}

  private Statement conditional() {
    List<Branch> branches = new ArrayList<>();
    Statement otherwise = env -> {};
    while (true) {
      Expression condition = tuple();
      close();
      branches.add(new Branch(condition, block(Set.of("elif", "else", "endif"))));
      if (!skipName("elif")) {
        break;
      }
    }
    if (skipName("else")) {
      close();
      otherwise = block(Set.of("endif"));
    }
    expectName("endif");
    close();
    Statement last = otherwise;
    return env -> {
      for (Branch b : branches) {
        if (env.test(b.condition)) {
          env.run(b.body);
          return;
        }
      }
      env.run(last);
    };
  }

  // ---- targets --------------------------------------------------------------------------------------------------------

  /** What a value is given to: names, and tuples of them. */
  private interface Target {
    void bind(Env env, Object value, Map<String, Object> names);
  }

  private Target target() {
    enter();
    Target first = oneTarget();
    if (isOperator(",")) {
      List<Target> targets = new ArrayList<>(List.of(first));
      while (skipOperator(",")) {
        if (peek().kind() != Kind.NAME && !isOperator("(")) {
          break;
        }
        targets.add(oneTarget());
      }
      first = (env, value, names) -> {
        List<Object> values = Values.elements(env, value);
        if (values.size() != targets.size()) {
          throw Values.error(values.size() + " values for " + targets.size() + " names");
        }
        for (int i = 0; i < targets.size(); i++) {
          targets.get(i).bind(env, values.get(i), names);
        }
      };
    }
    leave();
    return first;
  }

  private Target oneTarget() {
    if (skipOperator("(")) {
      Target inner = target();
      expectOperator(")");
      return inner;
    }
    String name = name();
    return (env, value, names) -> names.put(name, value);
  }

  // ---- statements -----------------------------------------------------------------------------------------------------

  private Statement loop() {
    Target target = target();
    expectName("in");
    Expression iterable = tuple(false);
    Expression filter = skipName("if") ? expression() : null;
    if (isName("recursive")) {
      throw error("has a recursive loop, which is not supported");
    }
    close();
    loops++;
    Statement body = block(Set.of("else", "endfor"));
    loops--;
    Statement otherwise = null;
    if (skipName("else")) {
      close();
      otherwise = block(Set.of("endfor"));
    }
    expectName("endfor");
    close();
    Statement none = otherwise;
    return env -> {
      List<Object> items = Values.elements(env, env.eval(iterable));
      if (filter != null) {
        items = filtered(env, items, target, filter);
      }
      if (items.isEmpty() && none != null) {
        env.run(none);
      }
      Loop loop = new Loop(items);
      for (int i = 0; i < items.size(); i++) {
        loop.at(i);
        Map<String, Object> names = new HashMap<>();
        names.put("loop", loop);
        target.bind(env, items.get(i), names);
        env.within(names, body);
        Flow flow = env.flow;
        env.flow = Flow.ON;
        if (flow == Flow.BREAK) {
          break;
        }
      }
    };
  }

  private static List<Object> filtered(Env env, List<Object> items, Target target, Expression filter) {
    List<Object> kept = new ArrayList<>();
    for (Object item : items) {
      Map<String, Object> names = new HashMap<>();
      target.bind(env, item, names);
      env.within(names, e -> {
        if (e.test(filter)) {
          kept.add(item);
        }
      });
    }
    env.budget.elements(kept.size());
    return kept;
  }

  private Statement assignment() {
    Target target = target();
    String attribute = null;
    Map<String, Object> names = new LinkedHashMap<>();
    if (skipOperator(".")) { // of a namespace; target was its name
      target.bind(null, Values.NONE, names);
      attribute = name();
    }
    Expression value;
    if (skipOperator("=")) {
      value = tuple();
      close();
    } else {
      Filtered filtered = skipOperator("|") ? filterChain() : (env, written) -> written;
      Statement body = body("endset");
      value = env -> filtered.apply(env, env.capture(env.scope(), body, Map.of()));
    }
    if (attribute != null) {
      return assignment(names.keySet().iterator().next(), attribute, value);
    }
    return env -> {
      Map<String, Object> bound = new HashMap<>();
      target.bind(env, env.eval(value), bound);
      bound.forEach(env::set);
    };
  }

  private static Statement assignment(String namespace, String attribute, Expression value) {
    return env -> {
      if (!(env.lookup(namespace) instanceof Namespace n)) {
        throw Values.error("'" + namespace + "' is no namespace");
      }
      env.budget.bytes(64);
      n.map.put(attribute, env.eval(value));
    };
  }

  /** Filters to be applied to text that is written, with bars between them. */
  private interface Filtered {
    Object apply(Env env, Object value);
  }

  private Filtered filterChain() {
    List<Filtered> chain = new ArrayList<>(List.of(oneFilter()));
    while (skipOperator("|")) {
      chain.add(oneFilter());
    }
    return (env, value) -> {
      Object filtered = value;
      for (Filtered filter : chain) {
        filtered = filter.apply(env, filtered);
      }
      return filtered;
    };
  }

  private Filtered oneFilter() {
    String name = name();
    Arguments arguments = isOperator("(") ? arguments() : Arguments.NONE;
    return (env, value) -> Filters.apply(env, name, value, arguments.eval(env));
  }

  private Statement filterBlock() {
    Filtered filters = filterChain();
    Statement body = body("endfilter");
    return env -> env.write(Printer.text(env, filters.apply(env, env.capture(env.scope(), body, Map.of()))));
  }

  private Statement withBlock() {
    List<Target> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (peek().kind() != Kind.CLOSE) {
      if (!values.isEmpty()) {
        expectOperator(",");
      }
      targets.add(oneTarget());
      expectOperator("=");
      values.add(expression());
    }
    Statement body = body("endwith");
    return env -> {
      Map<String, Object> names = new HashMap<>();
      for (int i = 0; i < values.size(); i++) {
        targets.get(i).bind(env, env.eval(values.get(i)), names);
      }
      env.within(names, body);
    };
  }

  // ---- macros ---------------------------------------------------------------------------------------------------------

  /** A macro's parameters with their defaults, null for those that have none. */
  private Map<String, Expression> parameters() {
    Map<String, Expression> parameters = new LinkedHashMap<>();
    expectOperator("(");
    while (another(")", parameters.isEmpty())) {
      parameters.put(name(), skipOperator("=") ? expression() : null);
    }
    return parameters;
  }

  private Statement macroBody(String end) {
    int around = loops;
    loops = 0; // a macro cannot leave the loop that it is called in
    Statement body = body(end);
    loops = around;
    return body;
  }

  private Statement macro() {
    String name = name();
    Map<String, Expression> parameters = parameters();
    Statement body = macroBody("endmacro");
    return env -> env.set(name, new Macro(env.scope(), parameters, body));
  }

  private Statement callBlock() {
    Map<String, Expression> parameters = isOperator("(") ? parameters() : Map.of();
    if (!(expression() instanceof Call call)) {
      throw error("has a 'call' of something that is no call");
    }
    Statement body = macroBody("endcall");
    return env -> {
      Args args = call.arguments().eval(env);
      Map<String, Object> named = new LinkedHashMap<>(args.named());
      named.put("caller", new Macro(env.scope(), parameters, body));
      env.write(Printer.text(env, call.call(env, new Args(args.positional(), named))));
    };
  }
}
