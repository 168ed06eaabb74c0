"""What is true: values, rules and small Protocols of the product. Plain Python without any I/O."""
