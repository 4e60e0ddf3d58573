package dialect

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Names that no program can have, of what the rewritten tree refers to.
const (
	nameGlobals  = "<globals>"
	nameBytes    = "<bytes>"
	namePercent  = "<percent>"
	nameMethod   = "<method>"
	nameSetSlice = "<setslice>"
	nameShow     = "<show>"
)

// rewrite replaces in the tree of a program what would mean something else
// than in Python:
//
//   - Assignments to global names, and their uses where there is one,
//     become attributes of one object for all programs of the interpreter:
//     Starlark's global variables belong to the piece of a program that
//     assigns to them.
//   - Literals of bytes are made into a Bytes.
//   - The % operator formats strings with widths and flags.
//   - Methods of strings and ints that Starlark lacks, or has otherwise, are
//     found.
//   - Slices can be assigned to.
//   - If show is set, what the statements give that are expressions is
//     shown, as at a prompt.
func rewrite(f *syntax.File, show bool) error {
	f.Stmts = desugar(f.Stmts)
	// With the scopes that the names have here.
	err := resolve.File(f, func(string) bool { return true }, starlark.Universe.Has)
	if err != nil {
		return err
	}
	f.Stmts = rewriteStmts(f.Stmts, show)
	return nil
}

// desugar replaces assignments to slices, which the resolver would refuse.
func desugar(stmts []syntax.Stmt) []syntax.Stmt {
	for i, s := range stmts {
		switch s := s.(type) {
		case *syntax.AssignStmt:
			x, ok := s.LHS.(*syntax.SliceExpr)
			if !ok || s.Op != syntax.EQ {
				continue
			}
			bound := func(e syntax.Expr) syntax.Expr {
				if e == nil {
					return &syntax.Ident{NamePos: s.OpPos, Name: "None"}
				}
				return e
			}
			stmts[i] = &syntax.ExprStmt{X: call(s.OpPos, nameSetSlice, x.X, bound(x.Lo), bound(x.Hi), bound(x.Step), s.RHS)}
		case *syntax.DefStmt:
			desugar(s.Body)
		case *syntax.ForStmt:
			desugar(s.Body)
		case *syntax.WhileStmt:
			desugar(s.Body)
		case *syntax.IfStmt:
			desugar(s.True)
			desugar(s.False)
		}
	}
	return stmts
}

func isGlobal(id *syntax.Ident) bool {
	b, ok := id.Binding.(*resolve.Binding)
	return ok && b.Scope == resolve.Global
}

func call(pos syntax.Position, name string, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: name}, Lparen: pos, Args: args, Rparen: pos}
}

func stringLiteral(pos syntax.Position, s string) *syntax.Literal {
	return &syntax.Literal{Token: syntax.STRING, TokenPos: pos, Raw: `""`, Value: s}
}

func global(id *syntax.Ident) syntax.Expr {
	return &syntax.DotExpr{
		X: &syntax.Ident{NamePos: id.NamePos, Name: nameGlobals}, Dot: id.NamePos, NamePos: id.NamePos,
		Name: &syntax.Ident{NamePos: id.NamePos, Name: id.Name},
	}
}

func rewriteStmts(stmts []syntax.Stmt, show bool) []syntax.Stmt {
	var out []syntax.Stmt
	for _, s := range stmts {
		out = append(out, rewriteStmt(s, show)...)
	}
	return out
}

func rewriteStmt(s syntax.Stmt, show bool) []syntax.Stmt {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		return []syntax.Stmt{rewriteAssign(s)}
	case *syntax.DefStmt:
		defined := isGlobal(s.Name)
		s.Params = rewriteParams(s.Params)
		s.Body = rewriteStmts(s.Body, false)
		if defined {
			return []syntax.Stmt{s, &syntax.AssignStmt{OpPos: s.Def, Op: syntax.EQ, LHS: global(s.Name), RHS: &syntax.Ident{NamePos: s.Name.NamePos, Name: s.Name.Name}}}
		}
	case *syntax.ExprStmt:
		s.X = rewriteExpr(s.X)
		if show {
			s.X = call(syntax.Start(s.X), nameShow, s.X)
		}
	case *syntax.ForStmt:
		s.Vars = rewriteExpr(s.Vars)
		s.X = rewriteExpr(s.X)
		s.Body = rewriteStmts(s.Body, show)
	case *syntax.WhileStmt:
		s.Cond = rewriteExpr(s.Cond)
		s.Body = rewriteStmts(s.Body, show)
	case *syntax.IfStmt:
		s.Cond = rewriteExpr(s.Cond)
		s.True = rewriteStmts(s.True, show)
		s.False = rewriteStmts(s.False, show)
	case *syntax.ReturnStmt:
		if s.Result != nil {
			s.Result = rewriteExpr(s.Result)
		}
	}
	return []syntax.Stmt{s}
}

func rewriteAssign(s *syntax.AssignStmt) syntax.Stmt {
	s.RHS = rewriteExpr(s.RHS)
	if id, ok := s.LHS.(*syntax.Ident); ok && s.Op == syntax.PERCENT_EQ {
		value := rewriteExpr(id)
		target := value
		if !isGlobal(id) {
			value = &syntax.Ident{NamePos: id.NamePos, Name: id.Name}
		}
		return &syntax.AssignStmt{OpPos: s.OpPos, Op: syntax.EQ, LHS: target, RHS: call(s.OpPos, namePercent, value, s.RHS)}
	}
	s.LHS = rewriteExpr(s.LHS)
	return s
}

// rewriteParams leaves the names of parameters alone.
func rewriteParams(params []syntax.Expr) []syntax.Expr {
	for _, p := range params {
		if b, ok := p.(*syntax.BinaryExpr); ok {
			b.Y = rewriteExpr(b.Y)
		}
	}
	return params
}

func rewriteList(list []syntax.Expr) {
	for i, x := range list {
		list[i] = rewriteExpr(x)
	}
}

func rewriteExpr(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.Ident:
		if isGlobal(e) {
			return global(e)
		}
	case *syntax.Literal:
		if e.Token == syntax.BYTES {
			return call(e.TokenPos, nameBytes, e)
		}
	case *syntax.ParenExpr:
		e.X = rewriteExpr(e.X)
	case *syntax.ListExpr:
		rewriteList(e.List)
	case *syntax.TupleExpr:
		rewriteList(e.List)
	case *syntax.DictExpr:
		rewriteList(e.List)
	case *syntax.DictEntry:
		e.Key, e.Value = rewriteExpr(e.Key), rewriteExpr(e.Value)
	case *syntax.CondExpr:
		e.Cond, e.True, e.False = rewriteExpr(e.Cond), rewriteExpr(e.True), rewriteExpr(e.False)
	case *syntax.IndexExpr:
		e.X, e.Y = rewriteExpr(e.X), rewriteExpr(e.Y)
	case *syntax.SliceExpr:
		e.X = rewriteExpr(e.X)
		for _, bound := range []*syntax.Expr{&e.Lo, &e.Hi, &e.Step} {
			if *bound != nil {
				*bound = rewriteExpr(*bound)
			}
		}
	case *syntax.Comprehension:
		e.Body = rewriteExpr(e.Body)
		for _, c := range e.Clauses {
			switch c := c.(type) {
			case *syntax.ForClause:
				c.Vars, c.X = rewriteExpr(c.Vars), rewriteExpr(c.X)
			case *syntax.IfClause:
				c.Cond = rewriteExpr(c.Cond)
			}
		}
	case *syntax.UnaryExpr:
		if e.X != nil {
			e.X = rewriteExpr(e.X)
		}
	case *syntax.BinaryExpr:
		e.X, e.Y = rewriteExpr(e.X), rewriteExpr(e.Y)
		if e.Op == syntax.PERCENT {
			return call(e.OpPos, namePercent, e.X, e.Y)
		}
	case *syntax.DotExpr:
		e.X = rewriteExpr(e.X)
		if isMethod(e.Name.Name) {
			return call(e.Dot, nameMethod, e.X, stringLiteral(e.NamePos, e.Name.Name))
		}
	case *syntax.CallExpr:
		e.Fn = rewriteExpr(e.Fn)
		for i, a := range e.Args {
			if b, ok := a.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ { // keyword argument
				b.Y = rewriteExpr(b.Y)
				continue
			}
			e.Args[i] = rewriteExpr(a)
		}
	case *syntax.LambdaExpr:
		e.Params = rewriteParams(e.Params)
		e.Body = rewriteExpr(e.Body)
	}
	return e
}
