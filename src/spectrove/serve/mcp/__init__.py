"""The door of the Model Context Protocol: every task as a tool with typed input and structured output."""
