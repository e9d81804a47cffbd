// The channel benchmarks in Go, talked to as bench/line_peer.hpp says.
//
//	channel PROCS SENDERS RECEIVERS CAPACITY
//	channel PROCS select
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func work(i int) int { return 3*i + 1 }

func transfer(n, senders, receivers, capacity int) int {
	c := make(chan int, capacity)
	sent := make(chan bool)
	sums := make(chan int)
	for s := 0; s < senders; s++ {
		go func(s int) {
			for i := s; i < n; i += senders {
				c <- work(i)
			}
			sent <- true
		}(s)
	}
	for r := 0; r < receivers; r++ {
		go func() {
			sum := 0
			for v := range c {
				sum += v
			}
			sums <- sum
		}()
	}
	for s := 0; s < senders; s++ {
		<-sent
	}
	close(c)
	sum := 0
	for r := 0; r < receivers; r++ {
		sum += <-sums
	}
	return sum
}

// One goroutine receives by a select over eight channels, another sends to them in turn.
func selects(n int) int {
	var c [8]chan int
	for i := range c {
		c[i] = make(chan int, 16)
	}
	go func() {
		for i := 0; i < n; i++ {
			c[i%8] <- work(i)
		}
	}()
	sum := 0
	for i := 0; i < n; i++ {
		select {
		case v := <-c[0]:
			sum += v
		case v := <-c[1]:
			sum += v
		case v := <-c[2]:
			sum += v
		case v := <-c[3]:
			sum += v
		case v := <-c[4]:
			sum += v
		case v := <-c[5]:
			sum += v
		case v := <-c[6]:
			sum += v
		case v := <-c[7]:
			sum += v
		}
	}
	return sum
}

func number(i int) int {
	n, _ := strconv.Atoi(os.Args[i])
	return n
}

func main() {
	runtime.GOMAXPROCS(number(1))
	run := selects
	if os.Args[2] != "select" {
		senders, receivers, capacity := number(2), number(3), number(4)
		run = func(n int) int { return transfer(n, senders, receivers, capacity) }
	}
	run(1000)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, _ := strconv.Atoi(lines.Text())
		start := time.Now()
		sum := run(n)
		fmt.Println(float64(time.Since(start).Nanoseconds())/float64(n), sum)
	}
}
