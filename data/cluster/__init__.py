"""Workers on other machines: who has them, what they are asked before work begins, and how their loss is told."""
