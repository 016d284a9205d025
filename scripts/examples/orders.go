// Holds a lock for as long as this process works, in Go. Start it twice: go run orders.go
//
// flock(2) binds the lock to the open file: it is renewed while the file is open, and released when the file is
// closed or the process ends in whatever way. A second process waits for the first.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"syscall"
)

// Your work: this one waits for a line of input.
func work(token int64) {
	fmt.Println("work", token)
	fmt.Scanln()
}

func main() {
	lock, err := os.OpenFile("/locks/orders", os.O_RDONLY|os.O_CREATE, 0o644) // acquires nothing yet
	if err != nil {
		log.Fatal(err)
	}
	fd := int(lock.Fd())
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Flock(fd, syscall.LOCK_EX)
	}
	if err != nil {
		log.Fatal(err)
	}
	digits := make([]byte, 20)
	n, err := syscall.Getxattr(fmt.Sprintf("/proc/self/fd/%d", fd), "user.lock.token", digits)
	if err != nil {
		log.Fatal(err)
	}
	token, _ := strconv.ParseInt(string(digits[:n]), 10, 64)
	work(token)
	if err = lock.Sync(); err != nil { // ESTALE if the lock was lost meanwhile
		log.Fatal(err)
	}
	lock.Close()
}
