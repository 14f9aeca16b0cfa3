package dev.tern.cli;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;

/**
 * Hands Ctrl-C to a command that goes on after it. The class that the JDK has for signals is not part of its specification, and a
 * mention of it would be a warning: it is looked up, and where it is absent Ctrl-C ends the JVM, as it always does.
 */
final class Interrupts implements AutoCloseable {
  private final Object signal;
  private final Object before;

  /** @param onInterrupt runs on a thread of its own */
  Interrupts(Runnable onInterrupt) {
    Object found = null;
    Object replaced = null;
    try {
      Class<?> handlers = Class.forName("sun.misc.SignalHandler");
      InvocationHandler handler = (proxy, method, args) -> {
        switch (method.getName()) {
          case "handle" -> onInterrupt.run();
          case "equals" -> {
            return proxy == args[0];
          }
          case "hashCode" -> {
            return System.identityHashCode(proxy);
          }
          default -> {
            return "tern";
          }
        }
        return null;
      };
      Object made = Class.forName("sun.misc.Signal").getConstructor(String.class).newInstance("INT");
      replaced = handle(made, Proxy.newProxyInstance(Interrupts.class.getClassLoader(), new Class<?>[] {handlers}, handler));
      found = made;
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      // Not in this JDK, or the signal belongs to somebody else (-Xrs).
    }
    signal = found;
    before = replaced;
  }

  private static Object handle(Object signal, Object handler) throws ReflectiveOperationException {
    Class<?> handlers = Class.forName("sun.misc.SignalHandler");
    return signal.getClass().getMethod("handle", signal.getClass(), handlers).invoke(null, signal, handler);
  }

  /** Puts back what Ctrl-C did before. */
  @Override
  public void close() {
    if (signal != null && before != null) {
      try {
        handle(signal, before);
      } catch (ReflectiveOperationException e) {
        // It was possible a moment ago; then this handler stays, and its command is over.
      }
    }
  }
}
