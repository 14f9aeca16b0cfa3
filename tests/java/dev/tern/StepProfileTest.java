package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Where the time of an engine's steps goes, through the public API. */
class StepProfileTest {
  @Test
  void countsTheStepsSinceItsStart() {
    try (Model model = Model.embedded()) {
      Engine closed;
      try (Engine engine = Engine.builder(model).build(); Session session = engine.newSession()) {
        closed = engine;
        countsTheSteps(engine, session);
      }
      assertThrows(ClosedException.class, closed::profile);
      assertThrows(ClosedException.class, closed::startProfile);
    }
  }

  private static void countsTheSteps(Engine engine, Session session) {
    assertThrows(IllegalStateException.class, engine::profile);
    session.logits(1, 2, 3);
    engine.startProfile();
    session.logits(4);
    session.logits(5);
    StepProfile profile = engine.profile();
    assertEquals(2, profile.steps());
    assertEquals(List.of("embed", "rope_table", "norm", "qkv", "rope_append", "attention", "attn_out", "gate_up", "gate_norm", "down",
        "gather", "head", "sample"), profile.parts().stream().map(StepProfile.Part::name).toList());
    for (StepProfile.Part part : profile.parts()) {
      assertEquals(0, part.calls() % 2, part.toString());
      assertTrue(part.calls() >= 2, part.toString());
    }
    assertTrue(profile.otherNanos() >= 0, profile.toString());
    assertEquals(profile.parts().get(5).nanos() + profile.parts().get(11).nanos(), profile.nanosOf(List.of("head", "attention")));
    engine.startProfile(); // from zero
    assertEquals(0, engine.profile().steps());
    engine.stopProfile();
    assertThrows(IllegalStateException.class, engine::profile);
  }
}
