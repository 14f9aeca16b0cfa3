package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import java.lang.reflect.Method;
import org.junit.jupiter.api.Test;

class UnreadableHealthTest {
  @Test
  void everyItemOfAGpuSaysWhy() throws ReflectiveOperationException {
    Health health = new UnreadableHealth("no driver");
    int n = 0;
    for (Method method : Health.class.getMethods()) {
      if (method.getReturnType() == Reading.class && !method.getName().equals("thermalThrottles")) { // counted of processors only
        assertEquals("no driver", ((Reading<?>) method.invoke(health)).unreadable(), method.getName());
        n++;
      }
    }
    assertTrue(n > 20);
  }
}
