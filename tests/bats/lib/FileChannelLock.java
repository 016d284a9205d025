// Locks a file by java.nio.channels.FileChannel, prints `held`, and keeps the lock until standard input ends:
//
//     java FileChannelLock PATH exclusive|shared 'at once'|long
//
// The exit status is 75 if another process has the lock.
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Paths;

public class FileChannelLock {
	public static void main(String[] arguments) throws IOException {
		boolean shared = arguments[1].equals("shared");
		try (FileChannel channel = FileChannel.open(Paths.get(arguments[0]), CREATE, READ, WRITE)) {
			FileLock lock = arguments[2].equals("at once")
				? channel.tryLock(0, Long.MAX_VALUE, shared)
				: channel.lock(0, Long.MAX_VALUE, shared);
			if (lock == null)
				System.exit(75);
			System.out.println("held");
			System.in.read();
			lock.release();
		}
	}
}
