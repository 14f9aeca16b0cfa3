package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.validate.Health.DeviceProcess;
import dev.tern.validate.Reading;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class OwnProcessTest {
  private static Reading<List<DeviceProcess>> list(long... pids) {
    return Reading.of(LongStream.of(pids).mapToObj(pid -> new DeviceProcess(pid, "p" + pid, -1)).toList());
  }

  private static List<Long> others(OwnProcess own, long... pids) {
    return own.othersOf(list(pids)).value().stream().map(DeviceProcess::pid).toList();
  }

  @Test
  void onTheMachineItselfItsNumberTells() {
    OwnProcess own = new OwnProcess(7, true, list(5));
    assertEquals(List.of(), others(own));
    assertEquals(List.of(5L, 8L), others(own, 5, 7, 8));
  }

  @Test
  void inAContainerItIsTheOneThatCame() {
    OwnProcess own = new OwnProcess(7, false, list(5));
    assertEquals(List.of(5L), others(own, 5), "it does not compute yet");
    assertEquals(List.of(5L), others(own, 5, 4711));
    assertEquals(List.of(5L, 4712L), others(own, 5, 4711, 4712), "who comes later is another");
    assertEquals(List.of(), others(new OwnProcess(7, false, list()), 4711));
  }

  @Test
  void anotherWithItsNumberWasThereBefore() {
    OwnProcess own = new OwnProcess(7, false, list(7));
    assertEquals(List.of(7L), others(own, 7, 4711));
  }

  @Test
  void aDriverThatTellsItsNumberInTheContainerIsBelieved() {
    assertEquals(List.of(9L), others(new OwnProcess(7, false, list()), 7, 9));
  }

  @Test
  void whatCannotBeToldIsSaid() {
    OwnProcess own = new OwnProcess(7, false, list());
    assertTrue(own.othersOf(list(20, 21)).unreadable().contains("2 began to compute at once"));
    assertEquals(List.of(30L), others(own, 20, 21, 30), "of one it is certain");
    assertEquals(List.of(), others(own, 20), "the other has ended, and this one is still there");
    assertEquals(List.of(22L), others(own, 20, 22));
    OwnProcess blind = new OwnProcess(7, false, Reading.unreadable("not supported"));
    assertFalse(blind.othersOf(list(20)).isKnown());
    assertEquals(List.of(), others(blind));
    assertEquals("no", own.othersOf(Reading.unreadable("no")).unreadable());
  }

  @Test
  void aProgramHasNoFolder() {
    assertEquals("python3", OwnProcess.program("/usr/bin/python3 /home/someone/train.py"));
    assertEquals("java", OwnProcess.program("java"));
    assertEquals("", OwnProcess.program(""));
  }
}
