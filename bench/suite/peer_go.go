// The programs of the suite (programs.hpp) in Go: a goroutine for each task but the last.
package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func fib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	var a uint64
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		a = fib(n - 1)
		wg.Done()
	}()
	b := fib(n - 2)
	wg.Wait()
	return a + b
}

func each(n int, f func(int)) {
	var wg sync.WaitGroup
	wg.Add(n - 1)
	for i := 0; i+1 < n; i++ {
		go func(i int) {
			f(i)
			wg.Done()
		}(i)
	}
	f(n - 1)
	wg.Wait()
}

func skynet(base, leaves uint64) uint64 {
	if leaves == 1 {
		return base
	}
	var sums [10]uint64
	each(10, func(i int) { sums[i] = skynet(base+uint64(i)*(leaves/10), leaves/10) })
	sum := uint64(0)
	for _, one := range sums {
		sum += one
	}
	return sum
}

const mostQueens = 14

type board [mostQueens]int8

func safe(rows *board, placed, row int) bool {
	for i := 0; i < placed; i++ {
		other := int(rows[i])
		if other == row || other == row-(placed-i) || other == row+(placed-i) {
			return false
		}
	}
	return true
}

func nqueens(size, placed int, rows board) uint64 {
	if placed == size {
		return 1
	}
	var places board
	count := 0
	for row := 0; row < size; row++ {
		if safe(&rows, placed, row) {
			places[count] = int8(row)
			count++
		}
	}
	if count == 0 {
		return 0
	}
	var found [mostQueens]uint64
	each(count, func(i int) {
		next := rows
		next[placed] = places[i]
		found[i] = nqueens(size, placed+1, next)
	})
	sum := uint64(0)
	for i := 0; i < count; i++ {
		sum += found[i]
	}
	return sum
}

func multiply(a, b, c []int32, n, stride int) {
	if n <= 32 {
		for i := 0; i < n; i++ {
			to := c[i*stride : i*stride+n]
			for k := 0; k < n; k++ {
				x := a[i*stride+k]
				from := b[k*stride : k*stride+n]
				for j := range to {
					to[j] += x * from[j]
				}
			}
		}
		return
	}
	h := n / 2
	down := h * stride
	for k := 0; k < 2; k++ {
		each(4, func(q int) {
			row, column := q/2, q%2
			multiply(a[row*down+k*h:], b[k*down+column*h:], c[row*down+column*h:], h, stride)
		})
	}
}

func matmul(n int) uint64 {
	a, b, c := make([]int32, n*n), make([]int32, n*n), make([]int32, n*n)
	for i := range a {
		a[i], b[i] = 1, 1
	}
	multiply(a, b, c, n, n)
	sum := uint64(0)
	for _, value := range c {
		if value == int32(n) {
			sum += uint64(value)
		}
	}
	return sum
}

type digest [20]byte

func utsChildren(state *digest, height, depth int) int {
	if height >= depth {
		return 0
	}
	u := float64(binary.BigEndian.Uint32(state[16:])&0x7fffffff) / 2147483648
	p := 1.0 / (1.0 + 4.0)
	return int(math.Min(100, math.Floor(math.Log(1-u)/math.Log(1-p))))
}

func uts(state digest, height, depth int) uint64 {
	count := utsChildren(&state, height, depth)
	if count == 0 {
		return 1
	}
	var nodes [100]uint64
	each(count, func(i int) {
		var bytes [24]byte
		copy(bytes[:], state[:])
		binary.BigEndian.PutUint32(bytes[20:], uint32(i))
		nodes[i] = uts(sha1.Sum(bytes[:]), height+1, depth)
	})
	sum := uint64(1)
	for i := 0; i < count; i++ {
		sum += nodes[i]
	}
	return sum
}

func run(program string, size int) uint64 {
	switch program {
	case "fib":
		return fib(size)
	case "skynet":
		leaves := uint64(1)
		for i := 0; i < size; i++ {
			leaves *= 10
		}
		return skynet(0, leaves)
	case "nqueens":
		return nqueens(size, 0, board{})
	case "matmul":
		return matmul(size)
	case "uts":
		var bytes [20]byte
		binary.BigEndian.PutUint32(bytes[16:], 19)
		return uts(sha1.Sum(bytes[:]), 0, size)
	}
	fmt.Fprintln(os.Stderr, "usage: suite_go fib|skynet|nqueens|matmul|uts SIZE WORKERS")
	os.Exit(2)
	return 0
}

func peakKib() int {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, _ := strconv.Atoi(fields[1])
			return kib
		}
	}
	return 0
}

func main() {
	if len(os.Args) != 4 {
		run("", 0)
	}
	size, _ := strconv.Atoi(os.Args[2])
	workers, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	small := map[string]int{"fib": 15, "skynet": 3, "nqueens": 6, "matmul": 64, "uts": 4}
	run(os.Args[1], small[os.Args[1]])
	start := time.Now()
	result := run(os.Args[1], size)
	seconds := time.Since(start).Seconds()
	fmt.Printf("{\"seconds\": %.6f, \"result\": %d, \"peak_kib\": %d}\n", seconds, result, peakKib())
}
